"""What becomes of one message at the relay."""

from __future__ import annotations

import dkim
import pytest

from mailboxes import clock, dns_records, mailbox, stops
from mailboxes.modes import OversightMode
from messaging import return_paths
from messaging.models import (
    Attempt,
    Captured,
    Message,
    Recipient,
    RecipientState,
    Revision,
    Status,
    SuppressionReason,
)
from messaging.outbound import delivery, dispatch, lookout, outbox, outcomes
from messaging.outbound.answers import Answers
from messaging.outbound.backoff import FIRST_PAUSE, GIVE_UP_AFTER
from messaging.outbound.mail import Mail
from messaging.outbound.outcomes import Outcome, OutcomeKind
from messaging.recipients import suppressions
from tests import builders
from tests.builders import Tenant
from tests.fakes.sink import Mood, Sink
from tests.messaging.outbound import alice as alice
from tests.messaging.outbound import events_of, make_due, recipient_of
from tests.messaging.outbound import relay as relay

pytestmark = pytest.mark.django_db


def test_the_relay_gets_the_sealed_bytes_signed_and_nothing_else(alice: Tenant, relay: Sink) -> None:
    message = builders.submit(alice)
    assert dispatch.drain() == 1
    (taken,) = relay.taken
    sealed = bytes(Revision.objects.get(message=message).raw)
    assert taken.content.endswith(sealed)
    assert taken.content.removesuffix(sealed).lower().startswith(b"dkim-signature:")
    assert dkim.verify(taken.content, dnsfunc=_published(alice))
    message.refresh_from_db()
    recipient = recipient_of(message)
    assert (message.status, recipient.state, recipient.code) == (Status.SENT, RecipientState.SENT, "250")
    assert message.sent_at is not None
    assert events_of(message)[-1] == "message.sent"


def test_a_bounce_comes_back_to_the_one_recipient_when_a_message_has_many(alice: Tenant, relay: Sink) -> None:
    message = builders.submit(alice, cc=("lee@friends.example",), bcc=("secret@friends.example",))
    dispatch.drain()
    now = clock.now()
    owners = {one.recipients: return_paths.recipient_behind(one.sender, now=now) for one in relay.taken}
    assert owners == {
        (address,): recipient_of(message, address).pk
        for address in ("kim@friends.example", "lee@friends.example", "secret@friends.example")
    }
    for one in relay.taken:
        assert b"secret@" not in one.content
        assert one.sender.endswith(f"@{alice.mailbox.domain.name}")


@pytest.mark.parametrize(
    ("mood", "state", "status", "code", "offers"),
    [
        (Mood.DEFER_AT_MAIL, RecipientState.DEFERRED, Status.QUEUED, "450", 0),
        (Mood.DEFER_AT_RCPT, RecipientState.DEFERRED, Status.QUEUED, "450", 1),
        (Mood.DROP_AT_RCPT, RecipientState.DEFERRED, Status.QUEUED, "connection_lost", 1),
        (Mood.DEFER_AFTER_DOT, RecipientState.DEFERRED, Status.QUEUED, "451", 1),
        (Mood.REFUSE_AT_RCPT, RecipientState.FAILED, Status.FAILED, "550", 1),
        (Mood.REFUSE_AT_DATA, RecipientState.FAILED, Status.FAILED, "554", 1),
        (Mood.REFUSE_AFTER_DOT, RecipientState.FAILED, Status.FAILED, "554", 1),
        (Mood.DROP_BEFORE_DOT, RecipientState.UNKNOWN, Status.UNKNOWN, "answer_lost", 1),
        (Mood.DROP_AFTER_DOT, RecipientState.UNKNOWN, Status.UNKNOWN, "answer_lost", 1),
    ],
    ids=str,
)
def test_the_relays_answer_decides_what_becomes_of_a_message(
    alice: Tenant, relay: Sink, mood: Mood, state: RecipientState, status: Status, code: str, offers: int
) -> None:
    relay.mood = mood
    message = builders.submit(alice)
    before = clock.now()
    dispatch.drain()
    after = clock.now()
    message.refresh_from_db()
    recipient = recipient_of(message)
    assert (recipient.state, message.status, recipient.code, len(relay.offered)) == (state, status, code, offers)
    assert (message.reason_code, message.reason_text) == (recipient.code, recipient.text)
    if state is RecipientState.DEFERRED:
        assert recipient.next_at is not None
        assert before + FIRST_PAUSE * 0.8 <= recipient.next_at <= after + FIRST_PAUSE * 1.2
    else:
        assert recipient.next_at is None
        assert events_of(message)[-1] == f"message.{status}"


def test_a_deferred_message_is_sent_when_the_relay_takes_it_later(alice: Tenant, relay: Sink) -> None:
    relay.mood = Mood.DEFER_AT_RCPT
    message = builders.submit(alice)
    dispatch.drain()
    assert dispatch.drain() == 0, "not before its time"
    relay.mood = Mood.ACCEPT
    make_due(message)
    dispatch.drain()
    message.refresh_from_db()
    assert (message.status, message.reason_code, len(relay.taken)) == (Status.SENT, "", 1)
    attempts = Attempt.objects.filter(recipient__message=message).order_by("number")
    assert [(one.number, one.outcome, one.code) for one in attempts] == [(1, "deferred", "450"), (2, "sent", "250")]


def test_a_message_whose_answer_was_lost_is_never_sent_again(alice: Tenant, relay: Sink) -> None:
    relay.mood = Mood.DROP_AFTER_DOT
    message = builders.submit(alice)
    dispatch.drain()
    relay.mood = Mood.ACCEPT
    _lease_is_over(message)
    make_due(message)
    dispatch.take_back_overdue()
    assert dispatch.drain() == 0
    assert len(relay.taken) == 1
    assert events_of(message).count("message.unknown") == 1


def test_a_message_is_given_up_when_the_relay_defers_it_for_ever(alice: Tenant, relay: Sink) -> None:
    relay.mood = Mood.DEFER_AT_RCPT
    message = builders.submit(alice)
    dispatch.drain()
    five_days_ago = message.created_at - GIVE_UP_AFTER
    Attempt.objects.filter(recipient__message=message).update(started_at=five_days_ago)
    make_due(message)
    dispatch.drain()
    message.refresh_from_db()
    assert (message.status, message.reason_code) == (Status.FAILED, "gave_up")
    assert "450" in message.reason_text


def test_each_recipient_has_its_own_truth_when_the_relay_likes_one_of_two(alice: Tenant, relay: Sink) -> None:
    relay.moods["lee@friends.example"] = Mood.REFUSE_AT_RCPT
    message = builders.submit(alice, to=("kim@friends.example", "lee@friends.example"))
    dispatch.drain()
    message.refresh_from_db()
    assert message.status == Status.SENT
    assert recipient_of(message).state == RecipientState.SENT
    assert recipient_of(message, "lee@friends.example").state == RecipientState.FAILED


def test_a_suppressed_recipient_is_not_even_offered_when_the_suppression_came_after_acceptance(
    alice: Tenant, relay: Sink
) -> None:
    message = builders.submit(alice, to=("kim+news@friends.example",))
    suppressions.add(alice.account, "kim@friends.example", reason=SuppressionReason.COMPLAINT, now=clock.now())
    dispatch.drain()
    message.refresh_from_db()
    assert (message.status, message.reason_code, relay.offered) == (Status.FAILED, "suppressed", [])


def test_no_body_leaves_when_the_suppression_comes_while_the_relay_is_on_the_line(alice: Tenant, relay: Sink) -> None:
    message, attempt = _claimed(alice)
    suppressions.add(alice.account, "kim@friends.example", reason=SuppressionReason.BOUNCE, now=clock.now())
    with pytest.raises(Exception, match="suppressed"):
        delivery.mark(attempt)
    outcomes.record(attempt, delivery.attempt(attempt, now=clock.now()), now=clock.now())
    assert (recipient_of(message).code, relay.taken) == ("suppressed", [])


def test_no_body_leaves_when_sending_was_stopped_after_the_claim(
    alice: Tenant, relay: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    message, attempt = _claimed(alice)
    monkeypatch.setattr(lookout, "FRESH", 3600)
    answers = Answers()
    answers.lookout.saw(attempt.standing.generation)
    stops.stop(alice.owner, reason="test", now=clock.now())
    outcome = delivery.attempt(attempt, now=clock.now(), answers=answers)
    outcomes.record(attempt, outcome, now=clock.now())
    assert (outcome.kind, outcome.code) == (OutcomeKind.WITHDRAWN, "stopped")
    assert relay.offered == ["kim@friends.example"], "the stop came after the look: the mark itself must see it"
    assert relay.taken == []
    message.refresh_from_db()
    assert (message.status, recipient_of(message).state) == (Status.QUEUED, RecipientState.WAITING)
    assert dispatch.drain() == 0
    stops.resume(alice.owner, now=clock.now())
    dispatch.drain()
    assert len(relay.taken) == 1


def test_nothing_is_said_to_the_relay_when_sending_was_stopped_before_the_look(alice: Tenant, relay: Sink) -> None:
    _, attempt = _claimed(alice)
    stops.stop(alice.owner, reason="test", now=clock.now())
    outcome = delivery.attempt(attempt, now=clock.now())
    assert (outcome.kind, outcome.code) == (OutcomeKind.WITHDRAWN, "stopped")
    assert (relay.connections_count, relay.offered) == (0, [])


def test_mail_goes_on_when_what_was_stopped_meanwhile_is_not_its_own(alice: Tenant, relay: Sink) -> None:
    _, attempt = _claimed(alice)
    stops.stop(builders.tenant("bob").owner, reason="test", now=clock.now())
    assert delivery.attempt(attempt, now=clock.now()).kind is OutcomeKind.SENT
    assert len(relay.taken) == 1


def test_a_message_is_not_sent_when_it_is_not_the_one_that_was_cleared(alice: Tenant, relay: Sink) -> None:
    message = builders.submit(alice)
    Message.objects.filter(pk=message.pk).update(from_address="ceo@victim.example")
    dispatch.drain()
    message.refresh_from_db()
    assert (message.status, message.reason_code, relay.offered) == (Status.FAILED, "seal_differs", [])


def test_a_recipient_added_behind_the_gate_gets_nothing(alice: Tenant, relay: Sink) -> None:
    message = builders.submit(alice)
    Recipient.objects.create(message=message, address="eve@else.example", kind="bcc", next_at=message.created_at)
    dispatch.drain()
    assert relay.offered == []


def test_a_late_answer_is_evidence_when_the_reaper_was_quicker(alice: Tenant, relay: Sink) -> None:
    message, attempt = _claimed(alice)
    outcome = delivery.attempt(attempt, now=clock.now())
    _lease_is_over(message)
    dispatch.take_back_overdue()
    message.refresh_from_db()
    assert message.status == Status.UNKNOWN
    outcomes.record(attempt, outcome, now=clock.now())
    message.refresh_from_db()
    assert (message.status, len(relay.taken)) == (Status.SENT, 1)
    assert events_of(message)[-2:] == ["message.unknown", "message.sent"]


def test_a_late_deferral_changes_nothing_when_the_reaper_was_quicker(alice: Tenant, relay: Sink) -> None:
    message, attempt = _claimed(alice)
    delivery.mark(attempt)
    _lease_is_over(message)
    dispatch.take_back_overdue()
    outcomes.record(attempt, Outcome(OutcomeKind.DEFERRED, "451", "Later"), now=clock.now())
    message.refresh_from_db()
    assert message.status == Status.UNKNOWN


def test_a_slow_worker_sends_nothing_when_its_attempt_was_taken_back(alice: Tenant, relay: Sink) -> None:
    message, attempt = _claimed(alice)
    _lease_is_over(message)
    dispatch.take_back_overdue()
    assert dispatch.drain() == 1
    outcome = delivery.attempt(attempt, now=clock.now())
    outcomes.record(attempt, outcome, now=clock.now())
    message.refresh_from_db()
    assert (outcome.code, len(relay.taken), message.status) == ("superseded", 1, Status.SENT)


def test_a_test_key_never_reaches_the_relay(alice: Tenant, relay: Sink) -> None:
    twin = builders.twin(alice)
    mailbox.set_mode(twin.mailbox, OversightMode.AUTONOMOUS, by="test", now=clock.now())
    message = builders.submit(twin, to=("kim@friends.example", alice.mailbox.full_address))
    dispatch.drain()
    message.refresh_from_db()
    assert (message.status, relay.offered) == (Status.SENT, [])
    assert Captured.objects.filter(recipient__message=message).count() == 2


def test_the_outbox_goes_on_when_a_defect_of_ours_meets_one_mail(
    alice: Tenant, relay: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_consignment: object) -> None:
        raise LookupError("a defect")

    bad = builders.submit(alice)
    with monkeypatch.context() as patch:
        patch.setattr(delivery, "choose", broken)
        dispatch.drain()
    good = builders.submit(alice)
    dispatch.drain()
    bad.refresh_from_db()
    good.refresh_from_db()
    assert (bad.status, bad.reason_code) == (Status.QUEUED, "internal_error")
    assert good.status == Status.SENT


def test_the_next_attempt_uses_the_same_message_id(alice: Tenant, relay: Sink) -> None:
    relay.mood = Mood.DEFER_AFTER_DOT
    message = builders.submit(alice)
    dispatch.drain()
    relay.mood = Mood.ACCEPT
    make_due(message)
    dispatch.drain()
    assert relay.copies() == {message.message_id: 1}


def _claimed(alice: Tenant) -> tuple[Message, Mail]:
    """A message in the hands of a worker that has not begun."""
    message = builders.submit(alice)
    (attempt,) = delivery.load(outbox.claim_due(limit=20, now=clock.now()))
    return message, attempt


def _lease_is_over(message: Message) -> None:
    Attempt.objects.filter(recipient__message=message).update(lease_until=message.created_at)


def _published(alice: Tenant) -> object:
    records = {record.host: record.value for record in dns_records.of(alice.mailbox.domain).all()}

    def look_up(name: bytes, timeout: int = 5) -> bytes:
        return records[name.decode().rstrip(".")].encode()

    return look_up
