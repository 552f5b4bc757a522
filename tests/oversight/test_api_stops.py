"""`/v1/oversight/stops`: who stops what with a key, what a stopped mail says, and where it is resumed."""

from __future__ import annotations

from uuid import uuid4

import pytest
from pytest_django import Settings

from mailboxes import clock, keys, stops
from mailboxes.models import Event, Role, StopScope
from mailboxes.modes import OversightMode
from messaging import wakeup
from messaging.models import Recipient, RecipientState, Status
from messaging.outbound import dispatch, outbox, resuming
from tests import builders
from tests.api_client import Api
from tests.builders import Tenant
from tests.fakes.sink import Mood, Sink
from tests.flips import Flip
from tests.messaging.outbound import make_due, relay

pytestmark = pytest.mark.django_db
__all__ = ["relay"]

MAIL = {"to": ["kim@friends.example"], "subject": "Hello", "bodyText": "Good day.\n"}


@pytest.fixture
def alice() -> Tenant:
    alice = builders.tenant(mode=OversightMode.AUTONOMOUS)
    dispatch.drain()
    return alice


@pytest.fixture
def rhea(alice: Tenant) -> Api:
    return Api(builders.decide_key(builders.member(alice.account)))


def messages(owner: Tenant) -> str:
    return f"/mailboxes/{owner.mailbox.pk}/messages"


@pytest.mark.parametrize("scope", ["account", "mailbox", "agent", "key"])
def test_a_reviewers_key_stops_and_no_key_resumes(alice: Tenant, rhea: Api, scope: str, settings: Settings) -> None:
    settings.PUBLIC_URL = "https://gatepost.example"
    subject = Flip(alice, StopScope(scope)).subject_id
    asked = {"scope": scope, "reason": "Odd prices."} | ({"subjectId": str(subject)} if subject else {})
    made = rhea.post("/oversight/stops", asked)
    assert (made.status, made.json["stop"]["resumedAt"]) == (201, None)
    assert rhea.post("/oversight/stops", asked).status == 200
    listed = Api(alice.key_text).get("/oversight/stops", active="true").json["stops"]
    assert listed == [made.json["stop"]]
    assert outbox.claim_due(limit=10, now=clock.now()) == []
    path = f"/oversight/stops/{made.json['stop']['id']}/resume"
    for api in (rhea, Api(builders.decide_key(alice.owner)), Api(alice.key_text)):
        refused = api.post(path, {})
        assert (refused.status, refused.code) == (403, "second_step_required")
        assert "https://gatepost.example/stop/" in refused.json["fix"]
    stops.resume(alice.owner, scope=StopScope(scope), subject_id=subject, now=clock.now())
    assert rhea.post(path, {}).json["stop"]["resumedBy"] == f"member:{alice.owner.pk}"
    assert rhea.get("/oversight/stops", active="true").json["stops"] == []
    assert len(rhea.get("/oversight/stops").json["stops"]) == 1


def test_an_agent_stops_itself_and_no_more(alice: Tenant) -> None:
    api = Api(alice.key_text)
    assert api.post("/oversight/stops", {"scope": "account"}).code == "may_not_stop"
    assert api.post("/oversight/stops", {"scope": "agent", "subjectId": str(alice.agent.pk)}).status == 201


def test_a_viewer_and_a_stranger_stop_nothing(alice: Tenant) -> None:
    charlie = builders.tenant("charlie")
    asked = {"scope": "mailbox", "subjectId": str(alice.mailbox.pk)}
    for api in (Api(charlie.key_text), Api(builders.decide_key(charlie.owner))):
        assert api.post("/oversight/stops", asked).status == 404
    vera = builders.member(alice.account, "vera")
    key = builders.decide_key(vera)
    vera.role = Role.VIEWER
    vera.save()
    assert Api(key).post("/oversight/stops", asked).code == "viewer"
    made = stops.stop(alice.owner, now=clock.now())
    assert made is not None
    assert Api(charlie.key_text).post(f"/oversight/stops/{made.pk}/resume", {}).status == 404


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({}, "missing_field"),
        ({"scope": "everything"}, "invalid_field"),
        ({"scope": "mailbox"}, "missing_field"),
        ({"scope": "mailbox", "subjectId": "x"}, "invalid_field"),
        ({"scope": "mailbox", "subjectId": str(uuid4())}, "NOT_FOUND"),
        ({"scope": "account", "subjectId": str(uuid4())}, "NOT_FOUND"),
        ({"scope": "account", "reason": "x" * 201}, "invalid_field"),
        ({"scope": "account", "account_id": str(uuid4())}, "unknown_field"),
    ],
)
def test_what_can_not_be_stopped_so_is_refused_in_words(rhea: Api, asked: dict[str, str], code: str) -> None:
    assert rhea.post("/oversight/stops", asked).code == code


def test_a_send_is_accepted_and_says_that_it_is_stopped_and_why(alice: Tenant, rhea: Api) -> None:
    asked = {"scope": "mailbox", "subjectId": str(alice.mailbox.pk), "reason": "Odd prices."}
    rhea.post("/oversight/stops", asked)
    api = Api(alice.key_text)
    sent = api.post(messages(alice), MAIL)
    assert sent.status == 201
    path = f"{messages(alice)}/{sent.json['message']['id']}"
    for message in (sent.json["message"], api.get(path).json["message"], api.get(messages(alice)).json["messages"][0]):
        assert (message["status"], message["state"]) == ("QUEUED", "queued")
        assert message["stateReason"]["code"] == "stopped"
        assert message["stateReason"]["text"].startswith("Sending of this mailbox was stopped: Odd prices.")
        assert [one["code"] for one in message["recipients"]] == ["stopped"]
    assert api.post(f"{path}/cancel", {}).json["message"]["state"] == "cancelled"
    stops.resume(alice.owner, scope=StopScope.MAILBOX, subject_id=alice.mailbox.pk, now=clock.now())
    assert api.post(messages(alice), MAIL).json["message"]["stateReason"] is None


def test_a_stop_of_everything_says_so_to_every_agent_and_stands_in_the_list(alice: Tenant) -> None:
    stops.stop_everything(by="operator:test", reason="Odd mail", now=clock.now())
    api = Api(alice.key_text)
    text = api.post(messages(alice), MAIL).json["message"]["stateReason"]["text"]
    assert text.startswith("All sending of this server was stopped: Odd mail.")
    (told,) = api.get("/oversight/stops").json["stops"]
    assert (told["scope"], told["subjectId"]) == ("everything", None)
    assert Api(builders.decide_key(alice.owner)).post(f"/oversight/stops/{told['id']}/resume", {}).status == 403


def test_a_scoped_key_sees_only_the_stops_of_its_own_mail(alice: Tenant) -> None:
    other = builders.agent(alice.account, "Other")
    scoped = Api(keys.create_agent_key(other, mailboxes=[alice.mailbox], now=clock.now())[1])
    Flip(alice, StopScope.KEY).stop()
    Flip(alice, StopScope.MAILBOX).stop()
    assert [stop["scope"] for stop in scoped.get("/oversight/stops").json["stops"]] == ["mailbox"]
    assert len(Api(alice.key_text).get("/oversight/stops", limit=1).json["stops"]) == 1


def test_mail_that_was_put_off_waits_through_a_stop_and_keeps_its_answer(alice: Tenant, relay: Sink) -> None:
    """Greylisting: the relay's answer stays, its time goes on, and nothing is tried meanwhile."""
    relay.moods["kim@friends.example"] = Mood.DEFER_AT_RCPT
    message = builders.submit(alice)
    dispatch.drain()
    flip = Flip(alice, StopScope.MAILBOX)
    flip.stop()
    relay.moods.clear()
    make_due(message)
    assert dispatch.drain() == 0
    recipient = Recipient.objects.get(message=message)
    assert (recipient.state, recipient.code, recipient.attempts_count) == (RecipientState.DEFERRED, "450", 1)
    shown = Api(alice.key_text).get(f"{messages(alice)}/{message.pk}").json["message"]
    assert (shown["stateReason"]["code"], shown["recipients"][0]["code"]) == ("stopped", "450")
    flip.resume()
    dispatch.drain()
    message.refresh_from_db()
    assert (message.status, len(relay.taken)) == (Status.SENT, 1)


@pytest.mark.parametrize("kind", sorted(stops.RESUMED))
def test_a_worker_is_woken_for_what_waited(alice: Tenant, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    rung: list[str] = []
    monkeypatch.setattr(wakeup, "ring", rung.append)
    resuming.on_sending_resumed(event=Event(kind=kind))
    resuming.on_sending_resumed(event=Event(kind="account.stopped"))
    assert rung == [wakeup.DRAIN_OUTBOX]


def test_a_stopped_key_makes_no_other_key_to_send_with_in_its_stead(alice: Tenant) -> None:
    Flip(alice, StopScope.KEY).stop()
    api = Api(alice.key_text)
    assert api.post("/api-keys", {"name": "Another"}).code == "key_stopped"
    assert api.get(messages(alice)).status == 200
    Flip(alice, StopScope.KEY).resume()
    assert api.post("/api-keys", {"name": "Another"}).status == 201
