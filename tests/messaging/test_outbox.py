"""What is claimed, and what becomes of a claim that the database refuses."""

from __future__ import annotations

import pytest

from mailboxes import clock
from messaging.models import Attempt, Message, Recipient, RecipientState, Revision, Status
from messaging.outbound import delivery, dispatch, mail, outbox
from oversight import decisions
from oversight.models import Review
from tests import builders
from tests.builders import Tenant
from tests.fakes.sink import Mood, Sink
from tests.messaging.outbound import alice as alice
from tests.messaging.outbound import make_due, recipient_of
from tests.messaging.outbound import relay as relay

pytestmark = pytest.mark.django_db


def behind_the_gate(alice: Tenant) -> Message:
    """A held message that somebody put into the outbox by hand."""
    message = builders.submit(alice, oversight_mode="gated_all")
    assert Review.objects.filter(message=message).exists()
    Message.objects.filter(pk=message.pk).update(status=Status.QUEUED)
    Recipient.objects.filter(message=message).update(next_at=message.created_at)
    return message


def test_the_others_leave_when_the_database_refuses_one_attempt(
    alice: Tenant, relay: Sink, caplog: pytest.LogCaptureFixture
) -> None:
    good = builders.submit(alice)
    poisoned = behind_the_gate(alice)
    other = builders.submit(alice)
    dispatch.drain()
    assert relay.copies() == {good.message_id: 1, other.message_id: 1}
    recipient = recipient_of(poisoned)
    assert (recipient.state, recipient.code, recipient.attempts_count) == (
        RecipientState.DEFERRED,
        "attempt_refused",
        0,
    )
    assert "no human has approved these bytes" in recipient.text
    poisoned.refresh_from_db()
    assert (poisoned.status, poisoned.reason_code) == (Status.QUEUED, "attempt_refused")
    assert not Attempt.objects.filter(recipient=recipient).exists()
    assert any("attempt_refused" in record.getMessage() for record in caplog.records)


def test_what_was_set_aside_is_not_tried_again_at_once(alice: Tenant, relay: Sink) -> None:
    poisoned = behind_the_gate(alice)
    assert outbox.claim_due(limit=20, now=clock.now()) == []
    recipient = recipient_of(poisoned)
    assert recipient.next_at is not None
    assert (recipient.next_at - clock.now()).total_seconds() > 3500


def test_a_claim_takes_what_is_due_longest(alice: Tenant) -> None:
    messages = [builders.submit(alice) for _ in range(3)]
    first = outbox.claim_due(limit=2, now=clock.now())
    second = outbox.claim_due(limit=2, now=clock.now())
    taken = [Message.objects.get(recipients=one.recipient_id).pk for one in [*first, *second]]
    assert taken == [message.pk for message in messages]


def test_a_large_body_is_read_when_its_turn_has_come(
    alice: Tenant, relay: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mail, "SMALL", 1000)
    message = builders.submit(alice, body_text="Good day to you.\n" * 200)
    (loaded,) = delivery.load(outbox.claim_due(limit=20, now=clock.now()))
    assert loaded.small_raw is None
    assert loaded.raw == bytes(Revision.objects.get(message=message).raw)


def test_a_rejection_after_an_undo_leaves_a_refused_address_refused(alice: Tenant, relay: Sink) -> None:
    relay.moods = {"kim@friends.example": Mood.REFUSE_AT_RCPT, "lee@friends.example": Mood.DEFER_AT_RCPT}
    message = builders.submit(alice, to=tuple(relay.moods), oversight_mode="gated_all")
    rhea = builders.reviewer(builders.member(alice.account))
    review = decisions.approve(Review.objects.get(message=message), reviewer=rhea, version=1, now=clock.now()).review
    builders.release()
    make_due(message)
    dispatch.drain()
    decisions.undo(review, reviewer=rhea, now=clock.now())
    decisions.reject(review, reviewer=rhea, version=None, reason="tone", now=clock.now())
    assert {one.address: one.state for one in message.recipients.all()} == {
        "kim@friends.example": RecipientState.FAILED,
        "lee@friends.example": RecipientState.CANCELLED,
    }
    assert recipient_of(message).code == "550"
