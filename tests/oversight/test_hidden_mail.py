"""Received mail that nobody approved is invisible to agents' keys at every door (R27, I09, A21, A23).

Attacks: A21 (a mail that would command its reader is not read before a human has seen it), A23 (no act of an agent that
it is told to do shows such a mail).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import cycle
from uuid import UUID

import pytest
from django.urls import URLPattern, URLResolver, get_resolver
from django.views import View

from mailboxes import clock as platform_clock
from mailboxes import keys, mailbox
from mailboxes.events import HIDDEN_TEXT
from mailboxes.models import Event, EventCounter, LimitKind
from mailboxes.modes import OversightMode
from messaging import return_paths
from messaging.events import news, reading
from messaging.events.news import Place
from messaging.inbound import intake, withholding
from messaging.lifecycle import Reason
from messaging.models import Message, Status, WebhookDelivery
from messaging.outbound import outbox, outcomes
from messaging.outbound.outcomes import Outcome, OutcomeKind
from messaging.webhooks import fanout
from oversight import admission, departures
from tests import builders, hidden
from tests.api_client import Answer, Api
from tests.arrivals import arrive, receive
from tests.builders import Tenant
from tests.conftest import Clock
from tests.hidden import ASKED, NOT_OF_MAIL, ask, hidden_mail, hidden_names
from tests.letters import bounce, complaint, letter

pytestmark = pytest.mark.django_db


def gettable() -> Iterator[str]:
    """Every route under /v1 that answers a GET."""

    def walk(patterns: Sequence[URLPattern | URLResolver], before: str) -> Iterator[str]:
        for pattern in patterns:
            route = before + str(pattern.pattern)
            if isinstance(pattern, URLResolver):
                yield from walk(pattern.url_patterns, route)
            elif route.startswith("v1") and hasattr(getattr(pattern.callback, "view_class", View), "get"):
                yield route

    return walk(get_resolver().url_patterns, "")


def test_every_address_that_answers_a_get_is_classified() -> None:
    assert set(gettable()) ^ {*ASKED, *NOT_OF_MAIL} == set()


@pytest.mark.parametrize("route", ASKED)
def test_every_answer_is_the_same_before_and_after_mail_came_that_nobody_approved(route: str, clock: Clock) -> None:
    clock.set(platform_clock.now())
    alice, _, names = hidden.scene()
    _, scoped = keys.create_agent_key(alice.agent, mailboxes=[alice.mailbox], now=clock.now())

    def look(hidden_ids: dict[str, UUID]) -> list[object]:
        paths = [path.format(**names, **hidden_ids) for path in ASKED[route]]
        return [ask(key, path) for key in (alice.key_text, scoped) for path in paths]

    look(hidden_names(None))  # keys tell when they were used last
    before = look(hidden_names(None))
    messages = hidden_mail(alice, names)
    assert {message.status for message in messages} == {Status.HELD}
    assert look(hidden_names(messages)) == before


@pytest.mark.parametrize("route", ASKED)
def test_every_answer_stays_the_same_when_the_mail_is_turned_away_or_the_mode_changes(route: str, clock: Clock) -> None:
    clock.set(platform_clock.now())
    alice, _, names = hidden.scene()
    messages = hidden_mail(alice, names)
    hidden_ids = hidden_names(messages)

    def look() -> list[object]:
        return [ask(alice.key_text, path.format(**names, **hidden_ids)) for path in ASKED[route]]

    look()
    before = look()
    for message, end in zip(messages, cycle([Status.REJECTED, Status.EXPIRED]), strict=False):
        admission.turn_away(message, end, reason=Reason(str(end), "No."), now=clock.now())
    assert look() == before


def test_no_stream_and_no_webhook_is_told_of_mail_that_nobody_approved(clock: Clock) -> None:
    clock.set(platform_clock.now())
    alice, endpoint, names = hidden.scene()
    place = EventCounter.objects.get(account=alice.account).last_seq
    while fanout.fan_out(now=clock.now()):
        pass
    told = endpoint.deliveries.count()
    messages = hidden_mail(alice, names)
    admission.turn_away(messages[0], Status.REJECTED, reason=Reason("rejected", "No."), now=clock.now())
    found = news.find({alice.account.pk: Place(place, None)})[alice.account.pk]
    assert (found.told, found.last > place) == ([], True)
    assert reading.page(alice.account.pk, after=place, limit=100, now=clock.now()).told == []
    while fanout.fan_out(now=clock.now()):
        pass
    assert endpoint.deliveries.count() == told
    again = Api(alice.key_text).post(f"/webhooks/{endpoint.pk}/redeliver", {"status": "ALL"}).json
    assert again["hasMore"] is False
    assert not WebhookDelivery.objects.filter(event_id__in=hidden_events(alice)).exists()


def test_no_stream_and_no_webhook_is_told_of_it_when_its_mailbox_is_deleted(clock: Clock) -> None:
    """What is gone is told by its ids, else: an event must say itself that it is hidden."""
    clock.set(platform_clock.now())
    alice, endpoint, names = hidden.scene()
    hidden_mail(alice, names)
    mailbox.delete(alice.mailbox, by="test", now=clock.now())
    departures.cancel_due(now=clock.now())
    received = Message.objects.filter(direction="INBOUND")
    assert set(received.values_list("status", flat=True)) == {Status.RELEASED, Status.CANCELLED}
    page = reading.page(alice.account.pk, after=0, limit=1000, now=clock.now())
    assert not {one.id for one in page.told} & hidden_events(alice)
    while fanout.fan_out(now=clock.now()):
        pass
    assert not endpoint.deliveries.filter(event_id__in=hidden_events(alice)).exists()


def hidden_events(owner: Tenant) -> set[UUID]:
    found = set(Event.objects.filter(account=owner.account, data__contains=HIDDEN_TEXT).values_list("pk", flat=True))
    assert found
    return found


def test_a_log_that_ends_hidden_for_long_is_read_to_its_end(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    """A reader goes on from places that it may know, and comes to the end, however much between them is hidden."""
    monkeypatch.setattr(reading, "WINDOW", 4)
    alice, _, names = hidden.scene()
    hidden_mail(alice, names)
    api = Api(alice.key_text)
    end = api.get("/events/log", after="latest").json["cursor"]
    assert end == str(names["newest_event"])
    builders.submit(alice)
    for _ in range(8):
        arrive(alice.mailbox, letter(sender=hidden.SENDER), sender=hidden.SENDER)
    cursor, told = "", []
    for _ in range(40):
        answer = api.get("/events/log", types="*", **({"after": cursor} if cursor else {})).json
        told += [one["id"] for one in answer["events"]]
        assert UUID(answer["cursor"]) not in hidden_events(alice)
        if not answer["hasMore"]:
            break
        assert answer["cursor"] != cursor
        cursor = answer["cursor"]
    shown = Event.objects.filter(account=alice.account, kind="message.held").exclude(data__contains=HIDDEN_TEXT)
    assert set(map(str, shown.values_list("pk", flat=True))) <= set(told)
    assert answer["hasMore"] is False


LETTER: dict[str, object] = {"to": ["kim@friends.example"], "subject": "Hello", "bodyText": "Hello."}
ACTS: dict[str, Callable[[Api, Mapping[str, UUID]], Answer]] = {
    "cancel": lambda api, at: api.post(f"/mailboxes/{at['mailbox']}/messages/{at['hidden']}/cancel"),
    "delete a file": lambda api, at: api.delete(f"/attachments/{at['hidden_file']}"),
    "send a file on": lambda api, at: api.post(
        f"/mailboxes/{at['mailbox']}/messages", {**LETTER, "attachments": [str(at["hidden_file"])]}
    ),
    "send a file on inline": lambda api, at: api.post(
        f"/mailboxes/{at['mailbox']}/messages",
        {**LETTER, "attachments": [{"id": str(at["hidden_file"]), "contentId": "a"}]},
    ),
    "name it as trigger": lambda api, at: api.post(
        f"/mailboxes/{at['mailbox']}/messages", {**LETTER, "triggerId": str(at["hidden"])}
    ),
    "approve": lambda api, at: api.post(f"/oversight/reviews/{at['hidden_review']}/approve", {}),
    "reject": lambda api, at: api.post(f"/oversight/reviews/{at['hidden_review']}/reject", {"reason": "tone"}),
    "undo": lambda api, at: api.post(f"/oversight/reviews/{at['hidden_review']}/undo"),
    "redeliver": lambda api, at: api.post(
        f"/webhooks/{at['webhook']}/redeliver", {"status": "ALL", "after": str(at["hidden"])}
    ),
}


@pytest.mark.parametrize("act", ACTS)
def test_no_act_on_hidden_mail_is_answered_other_than_one_on_nothing(act: str, clock: Clock) -> None:
    clock.set(platform_clock.now())
    alice, _, names = hidden.scene()
    messages = hidden_mail(alice, names)
    api = Api(alice.key_text)

    def told(hidden_ids: dict[str, UUID]) -> tuple[int, object]:
        answer = ACTS[act](api, names | hidden_ids)
        text = json.dumps({name: value for name, value in answer.json.items() if name != "requestId"})
        for name, value in hidden_ids.items():
            text = text.replace(str(value), name)
        return answer.status, text

    assert told(hidden_names(messages)) == told(hidden_names(None))
    assert told(hidden_names(messages))[0] in (400, 403, 404)
    assert {Message.objects.get(pk=one.pk).status for one in messages} == {Status.HELD}


def test_an_answer_to_hidden_mail_does_not_tell_that_it_is_there(clock: Clock) -> None:
    """A reply to a Message-ID that is hidden is a reply to one that nobody knows: same thread, same references."""
    clock.set(platform_clock.now())
    alice, _, names = hidden.scene()
    messages = hidden_mail(alice, names)

    def answered(message_id: str) -> dict[str, object]:
        path = f"/mailboxes/{alice.mailbox.pk}/messages"
        sent = Api(alice.key_text).post(path, {**LETTER, "inReplyTo": message_id}).json["message"]
        thread = Api(alice.key_text).get(f"/mailboxes/{alice.mailbox.pk}/threads/{sent['threadId']}").json["thread"]
        steps = Api(alice.key_text).get(f"{path}/{sent['id']}/timeline").json["timeline"]
        return {
            "references": Message.objects.get(pk=sent["id"]).references == [message_id],
            "count": thread["messageCount"],
            "subject": thread["subject"],
            "people": thread["participants"],
            "kinds": [step["kind"] for step in steps],
        }

    unknown = answered("<nobody-knows@rivals.example>")
    assert unknown["count"] == 1
    for message in messages:
        assert answered(message.message_id) == unknown


def test_mail_that_answers_hidden_mail_does_not_tell_that_it_is_there(clock: Clock) -> None:
    """What is shown is placed by what is known: not beside the hidden mail that it answers, nor under its subject."""
    clock.set(platform_clock.now())
    alice, _, names = hidden.scene()
    hidden_mail(alice, names)
    mailbox.set_mode(alice.mailbox, OversightMode.GATED_SEND, by="member:x", now=clock.now())
    builders.limit(alice.account, LimitKind.MONTHLY_INBOUND, 100)
    shown = arrive(
        alice.mailbox,
        letter(f"In-Reply-To: <{hidden.WORD}@rivals.example>", sender=hidden.SENDER, subject="Something else"),
        sender=hidden.SENDER,
    )
    api = Api(alice.key_text)
    thread = api.get(f"/mailboxes/{alice.mailbox.pk}/threads/{shown.thread_id}").json["thread"]
    assert (thread["messageCount"], thread["subject"]) == (1, "Something else")
    assert hidden.WORD not in json.dumps(api.get(f"/mailboxes/{alice.mailbox.pk}/threads").json)


def test_a_withheld_mail_that_is_unlocked_brings_no_hidden_one_with_it(clock: Clock) -> None:
    """Trap 14, R25: an upgrade shows what was withheld, and nothing that waits for a human."""
    clock.set(platform_clock.now())
    alice, _, names = hidden.scene()
    messages = hidden_mail(alice, names)
    builders.limit(alice.account, LimitKind.MONTHLY_INBOUND, 0)
    withholding.unlock(alice.account, now=clock.now())
    clock.advance(days=40)
    withholding.unlock_due(now=clock.now())
    assert {Message.objects.get(pk=one.pk).status for one in messages} == {Status.HELD}


def test_mail_that_came_or_waited_while_what_arrives_is_held_is_held_whatever_the_mode_is_later() -> None:
    alice = builders.tenant(mode=OversightMode.GATED_ALL)
    box = alice.mailbox
    mailbox.change(box, status="PAUSED", now=platform_clock.now())
    came_gated = receive(letter(subject="Came gated"), box.full_address)
    mailbox.set_mode(box, OversightMode.AUTONOMOUS, by="member:x", now=platform_clock.now())
    waited = receive(letter(subject="Waited"), box.full_address)
    mailbox.set_mode(box, OversightMode.GATED_ALL, by="member:x", now=platform_clock.now())
    mailbox.set_mode(box, OversightMode.AUTONOMOUS, by="member:x", now=platform_clock.now())
    came_free = receive(letter(subject="Came free"), box.full_address)
    mailbox.change(box, status="ACTIVE", now=platform_clock.now())
    intake.process_due(limit=10, now=platform_clock.now())
    rows = (came_gated, waited, came_free)
    assert [Message.objects.get(raw_message=row).status for row in rows] == [Status.HELD, Status.HELD, Status.RELEASED]


def test_a_retry_of_a_hidden_mail_is_no_second_one() -> None:
    alice = builders.tenant(mode=OversightMode.GATED_ALL)
    raw = letter()
    arrive(alice.mailbox, raw)
    receive(raw, alice.mailbox.full_address)
    intake.process_due(limit=10, now=platform_clock.now())
    assert Message.objects.filter(mailbox=alice.mailbox).count() == 1


def test_reports_are_read_whatever_waits_for_a_human() -> None:
    """A bounce or a complaint is a fact about a mail of ours, no mail for anybody: nobody approves it."""
    alice = builders.tenant(mode=OversightMode.AUTONOMOUS)
    kim, lee = (builders.submit(alice, to=(f"{name}@friends.example",)).recipients.get() for name in ("kim", "lee"))
    for attempt in outbox.claim_due(limit=10, now=platform_clock.now()):
        outcomes.record(attempt, Outcome(OutcomeKind.SENT, "250", "fine"), now=platform_clock.now())
    mailbox.set_mode(alice.mailbox, OversightMode.GATED_ALL, by="member:x", now=platform_clock.now())
    paths = [
        return_paths.return_path_of(one.pk, domain="agents.example", now=platform_clock.now()) for one in (kim, lee)
    ]
    receive(bounce(kim.address, to=paths[0]), paths[0], sender="")
    receive(complaint(return_path=paths[1]), alice.mailbox.full_address, sender="")
    intake.process_due(limit=10, now=platform_clock.now())
    assert not Message.objects.filter(direction="INBOUND").exists()
    kinds = Event.objects.filter(account=alice.account).values_list("kind", flat=True)
    assert {"message.bounced", "message.complaint", "suppression.added"} <= set(kinds)
