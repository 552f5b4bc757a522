"""The one door out: what is queued, held or refused, and what the account can see of it."""

from __future__ import annotations

import json

import pytest

from mailboxes import clock, mailbox, quotas
from mailboxes.errors import Conflict, Forbidden, Invalid, LimitReached, NotFound
from mailboxes.models import Account, Event, LimitKind, MailboxStatus
from mailboxes.modes import OversightMode
from messaging.models import Message, Recipient, Revision, Status, SuppressionReason
from messaging.outbound import drafts, outbox, outcomes
from messaging.recipients import suppressions
from oversight import departures, submission
from oversight.models import Evaluation, Review, ReviewState
from tests import builders

pytestmark = pytest.mark.django_db


def kinds(account: Account) -> list[str]:
    return list(Event.objects.filter(account=account).order_by("seq").values_list("kind", flat=True))


def test_a_gated_mailbox_holds_what_leaves_and_opens_a_review() -> None:
    alice = builders.tenant()
    message = builders.submit(alice, cc=("lee@friends.example",), bcc=("mo@friends.example",))
    review = Review.objects.get(message=message)
    assert (message.status, message.needs_decision) == (Status.HELD, True)
    assert (review.state, review.version, review.reason_code) == (ReviewState.OPEN, 1, "gated_send")
    assert Recipient.objects.filter(message=message, next_at__isnull=True).count() == 3
    assert kinds(alice.account)[-2:] == ["message.held", "review.opened"]


@pytest.mark.parametrize("mode", [OversightMode.MONITORED, OversightMode.AUTONOMOUS])
def test_a_free_mailbox_queues_what_leaves_without_a_review(mode: OversightMode) -> None:
    alice = builders.tenant(mode=mode)
    message = builders.submit(alice)
    assert (message.status, message.needs_decision) == (Status.QUEUED, False)
    assert not Review.objects.filter(message=message).exists()
    assert Recipient.objects.get(message=message).next_at is not None


def test_a_read_only_mailbox_refuses_and_takes_nothing_of_the_quota() -> None:
    alice = builders.tenant(mode=OversightMode.READ_ONLY)
    message = builders.submit(alice)
    assert (message.status, message.reason_code) == (Status.REFUSED, "read_only")
    assert message.quota_taken_at is None
    assert not quotas.used([alice.mailbox.pk], LimitKind.DAILY_SENDS, now=clock.now())
    assert "message.refused" in kinds(alice.account)


def test_a_message_may_ask_for_a_stricter_mode_but_never_for_a_freer_one() -> None:
    alice = builders.tenant(mode=OversightMode.AUTONOMOUS)
    assert builders.submit(alice, oversight_mode="gated_send").status == Status.HELD
    mailbox.set_mode(alice.mailbox, OversightMode.GATED_SEND, by="test", now=clock.now())
    with pytest.raises(Forbidden) as refusal:
        builders.submit(alice, oversight_mode="autonomous")
    assert refusal.value.code == "mode_not_stricter"


def test_the_seal_covers_the_stored_bytes() -> None:
    message = builders.submit(builders.tenant())
    revision = Revision.objects.get(message=message)
    assert drafts.seal_of(message, bytes(revision.raw)) == revision.seal
    assert drafts.seal_of(message, bytes(revision.raw) + b" ") != revision.seal


def test_the_verdict_keeps_its_trace() -> None:
    message = builders.submit(builders.tenant())
    evaluation = Evaluation.objects.get(message=message)
    assert evaluation.outcome == "hold"
    assert [line["rule"] for line in evaluation.trace] == ["oversight_mode", "floor", "own_key", "thread_breaker"]


def test_nothing_is_sent_before_the_owner_verified_the_address() -> None:
    alice = builders.tenant(is_verified=False)
    with pytest.raises(Forbidden) as refusal:
        builders.submit(alice)
    assert refusal.value.code == "email_not_verified"
    assert not Message.objects.filter(account=alice.account).exists()


def test_a_paused_mailbox_does_not_send() -> None:
    alice = builders.tenant()
    mailbox.change(alice.mailbox, status=MailboxStatus.PAUSED, now=clock.now())
    with pytest.raises(Invalid) as refusal:
        builders.submit(alice)
    assert refusal.value.code == "mailbox_inactive"


def test_a_suppressed_recipient_is_refused_in_any_spelling() -> None:
    alice = builders.tenant()
    suppressions.add(alice.account, "kim@friends.example", reason=SuppressionReason.MANUAL, now=clock.now())
    with pytest.raises(Invalid) as refusal:
        builders.submit(alice, to=("kim+news@friends.example",))
    assert refusal.value.code == "suppressed_recipient"


def test_a_stranger_finds_no_mailbox() -> None:
    alice, charlie = builders.tenant(), builders.tenant("charlie")
    with pytest.raises(NotFound):
        submission.submit(builders.draft(alice.mailbox), actor=charlie.agent_actor, now=clock.now())


def test_the_daily_limit_counts_recipients_and_keeps_nothing_over_it(settings: pytest.FixtureRequest) -> None:
    settings.DEFAULT_LIMITS = settings.DEFAULT_LIMITS | {"daily_sends": 3}  # type: ignore[attr-defined]
    alice = builders.tenant()
    builders.submit(alice, cc=("lee@friends.example",))
    with pytest.raises(LimitReached) as refusal:
        builders.submit(alice, cc=("lee@friends.example",))
    assert refusal.value.code == "daily_limit"
    assert Message.objects.filter(account=alice.account).count() == 1
    assert quotas.used([alice.mailbox.pk], LimitKind.DAILY_SENDS, now=clock.now()) == {alice.mailbox.pk: 2}


def test_an_answer_joins_the_thread_it_answers() -> None:
    alice = builders.tenant()
    first = builders.submit(alice, subject="Order 12")
    second = builders.submit(alice, subject="Re: Order 12", in_reply_to=first.message_id)
    assert second.thread_id == first.thread_id
    assert second.references == [first.message_id]
    first.thread.refresh_from_db()  # type: ignore[union-attr]
    assert first.thread.message_count == 2  # type: ignore[union-attr]


def test_a_waiting_message_is_cancelled_once_and_its_quota_returns_once() -> None:
    alice = builders.tenant()
    review = builders.held(alice)
    for _ in range(2):
        message = submission.cancel(alice.agent_actor, alice.mailbox.pk, review.message_id, now=clock.now())
        assert message.status == Status.CANCELLED
    review.refresh_from_db()
    assert review.state == ReviewState.CANCELLED
    assert quotas.used([alice.mailbox.pk], LimitKind.DAILY_SENDS, now=clock.now()) == {alice.mailbox.pk: 0}
    assert kinds(alice.account).count("message.cancelled") == 1


def test_a_message_is_cancelled_when_its_attempts_ended_before_the_body() -> None:
    alice = builders.tenant(mode=OversightMode.AUTONOMOUS)
    message = builders.submit(alice)
    attempt = next(one for one in outbox.claim_due(limit=9, now=clock.now()) if one.recipient.message_id == message.pk)
    with pytest.raises(Conflict):
        submission.cancel(alice.agent_actor, alice.mailbox.pk, message.pk, now=clock.now())
    outcomes.record(attempt, outcomes.Outcome(outcomes.OutcomeKind.DEFERRED, "450", "Greylisted."), now=clock.now())
    cancelled = submission.cancel(alice.agent_actor, alice.mailbox.pk, message.pk, now=clock.now())
    assert (cancelled.status, Recipient.objects.get(message=message).next_at) == (Status.CANCELLED, None)


def test_what_waits_in_a_deleted_mailbox_is_cancelled() -> None:
    alice = builders.tenant()
    review = builders.held(alice)
    mailbox.delete(alice.mailbox, by="test", now=clock.now())
    assert departures.cancel_due(now=clock.now()) == 1
    review.refresh_from_db()
    assert (review.state, Message.objects.get(pk=review.message_id).status) == (ReviewState.CANCELLED, Status.CANCELLED)


def test_events_hold_no_words_of_the_mail() -> None:
    alice = builders.tenant()
    builders.submit(alice, subject="Secret plans", body_text="Nobody may read this.\n")
    told = json.dumps(list(Event.objects.filter(account=alice.account).values_list("data", flat=True)))
    assert "Secret" not in told
    assert "Nobody" not in told
    assert "kim@" not in told
