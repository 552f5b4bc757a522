"""What made an agent send, by its own word; and the floor that a mailbox has for what a received mail made it do."""

from __future__ import annotations

import json
from uuid import uuid4

import pytest

from mailboxes import clock, mailbox
from mailboxes.models import Event
from mailboxes.modes import OversightMode
from messaging.models import Message
from oversight.models import Evaluation
from tests import builders
from tests.api_client import Answer, Api
from tests.arrivals import arrive, withheld
from tests.builders import Tenant

pytestmark = pytest.mark.django_db

LETTER = {"to": ["kim@friends.example"], "subject": "Hello", "bodyText": "Hello."}


@pytest.fixture
def alice() -> Tenant:
    return builders.tenant()


def send(owner: Tenant, **said: object) -> Answer:
    return Api(owner.key_text).post(f"/mailboxes/{owner.mailbox.pk}/messages", {**LETTER, **said})


def facts(answer: Answer) -> dict[str, object]:
    told: dict[str, object] = Evaluation.objects.get(message=answer.json["message"]["id"]).facts
    return told


@pytest.mark.parametrize("said", ["human", "schedule", "inbound"])
def test_a_send_keeps_what_its_agent_says_made_it_send(said: str, alice: Tenant) -> None:
    answer = send(alice, provenance=said)
    assert answer.json["message"]["provenance"] == said
    assert facts(answer)["provenance"] == said
    api, at = Api(alice.key_text), f"/mailboxes/{alice.mailbox.pk}/messages/{answer.json['message']['id']}"
    assert api.get(at).json["message"]["provenance"] == said
    assert api.get(f"{at}/timeline").json["timeline"][0]["data"]["provenance"] == said


@pytest.mark.parametrize("said", [{}, {"provenance": None}])
def test_a_send_that_says_nothing_is_of_unknown_provenance(said: dict[str, None], alice: Tenant) -> None:
    answer = send(alice, **said)
    assert (answer.json["message"]["provenance"], answer.json["message"]["triggerId"]) == ("unknown", None)
    assert facts(answer)["provenance"] == "unknown"


@pytest.mark.parametrize("said", ["unknown", "operator", "HUMAN", 1, ""])
def test_a_provenance_that_there_is_not_is_refused(said: object, alice: Tenant) -> None:
    answer = send(alice, provenance=said)
    assert (answer.status, answer.json["field"]) == (400, "provenance")


def test_the_mail_that_made_it_send_stands_on_the_message(alice: Tenant) -> None:
    trigger = arrive(alice.mailbox)
    answer = send(alice, triggerId=str(trigger.pk))
    assert answer.json["message"]["triggerId"] == str(trigger.pk)
    assert answer.json["message"]["provenance"] == "inbound"
    assert facts(answer)["trigger_id"] == str(trigger.pk)


def test_a_claim_stays_what_it_says_beside_a_trigger(alice: Tenant) -> None:
    """A person may have said "answer that mail": whose word it is stands beside it, and it is not made better."""
    trigger = arrive(alice.mailbox)
    said = {"provenance": "human", "triggerId": str(trigger.pk), "inReplyTo": trigger.message_id}
    assert send(alice, **said).json["message"]["provenance"] == "human"


def test_a_received_message_has_no_provenance(alice: Tenant) -> None:
    arrived = arrive(alice.mailbox)
    told = Api(alice.key_text).get(f"/mailboxes/{alice.mailbox.pk}/messages/{arrived.pk}").json["message"]
    assert (told["provenance"], told["triggerId"]) == (None, None)


def test_what_its_key_can_not_read_made_nobody_send(alice: Tenant) -> None:
    """A53: another tenant's mail, one that waits for a human, one that is withheld, a sent one, none: one answer."""
    charlie, dora = builders.tenant("charlie"), builders.tenant("dora", mode=OversightMode.GATED_ALL)
    over = builders.tenant("over")
    others = [
        (alice, arrive(charlie.mailbox).pk),
        (dora, arrive(dora.mailbox).pk),
        (over, withheld(over.mailbox).pk),
        (alice, builders.submit(alice).pk),
        (alice, uuid4()),
    ]
    told = [send(owner, triggerId=str(pk)) for owner, pk in others]
    assert {(one.status, one.code, one.json["field"]) for one in told} == {(400, "unknown_trigger", "triggerId")}
    assert len({json.dumps({**one.json, "requestId": ""}) for one in told}) == 1


def test_a_scoped_key_names_only_mail_of_its_mailboxes(alice: Tenant) -> None:
    made = Api(alice.key_text).post("/mailboxes", {"address": "other"}).json["mailbox"]
    key = Api(alice.key_text).post("/api-keys", {"name": "one", "mailboxIds": [made["id"]]}).json["key"]
    trigger = arrive(alice.mailbox)
    path = f"/mailboxes/{made['id']}/messages"
    assert Api(key).post(path, {**LETTER, "triggerId": str(trigger.pk)}).code == "unknown_trigger"
    assert Api(alice.key_text).post(path, {**LETTER, "triggerId": str(trigger.pk)}).status == 201


def test_nothing_is_kept_of_a_send_whose_trigger_is_unknown(alice: Tenant) -> None:
    send(alice, triggerId=str(uuid4()))
    assert not Message.objects.filter(mailbox=alice.mailbox).exists()


def test_a_floor_is_told_and_no_key_sets_it(alice: Tenant) -> None:
    """A23: an agent that is told to loosen its mailbox can't."""
    mailbox.set_floor(alice.mailbox, OversightMode.GATED_SEND, by="operator:x", now=clock.now())
    api, path = Api(alice.key_text), f"/mailboxes/{alice.mailbox.pk}"
    assert api.get(path).json["mailbox"]["floor"] == "gated_send"
    assert api.get("/mailboxes").json["mailboxes"][0]["floor"] == "gated_send"
    for said in ({"floor": None}, {"floor": "autonomous"}, {"mode": "autonomous"}):
        assert api.patch(path, said).status in (400, 403)
    assert api.post("/mailboxes", {"address": "x", "floor": "autonomous"}).status == 400
    assert api.get(path).json["mailbox"]["floor"] == "gated_send"
    assert facts(send(alice))["floor"] == "gated_send"


def test_a_floor_is_set_once_taken_away_and_told(alice: Tenant) -> None:
    def change(floor: OversightMode | None) -> bool:
        return mailbox.set_floor(alice.mailbox, floor, by="member:x", reason="Why not.", now=clock.now())

    assert [change(floor) for floor in (OversightMode.READ_ONLY, OversightMode.READ_ONLY, None, None)] == [
        *(True, False),
        *(True, False),
    ]
    told = [json.loads(event.data) for event in Event.objects.filter(kind="mailbox.floor_changed").order_by("seq")]
    assert [(one["from"], one["to"], one["by"]) for one in told] == [
        (None, "read_only", "member:x"),
        ("read_only", None, "member:x"),
    ]
