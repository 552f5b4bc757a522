"""Two humans, a human and a worker, an agent and a worker: exactly one wins, and the rows agree with the winner."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from mailboxes import clock
from mailboxes.models import Member
from messaging.models import Attempt, Message, Recipient, Status
from messaging.outbound import outbox
from oversight import decisions, submission
from oversight.models import Decision, DecisionKind, Review, ReviewState
from tests import builders
from tests.races.harness import ROUNDS, THREADS, race, winners

pytestmark = [pytest.mark.race, pytest.mark.django_db(transaction=True)]

LONG_AFTER = timedelta(minutes=10)


@pytest.fixture
def alice(settings: pytest.FixtureRequest) -> builders.Tenant:
    settings.DEFAULT_LIMITS = dict.fromkeys(settings.DEFAULT_LIMITS, 0)  # type: ignore[attr-defined]
    tenant = builders.tenant()
    outbox.claim_due(limit=100, now=clock.now() + LONG_AFTER)  # the verification mail is not what is raced for
    return tenant


@pytest.fixture
def reviewers(alice: builders.Tenant) -> list[Member]:
    return [builders.member(alice.account, f"reviewer{number}") for number in range(THREADS)]


def approving(review: Review, person: Member) -> Callable[[], Decision]:
    return lambda: decisions.approve(review, reviewer=builders.reviewer(person), version=1, now=clock.now())


def rejecting(review: Review, person: Member) -> Callable[[], Decision]:
    return lambda: decisions.reject(
        review, reviewer=builders.reviewer(person), version=1, reason="tone", now=clock.now()
    )


def claiming(at: datetime) -> Callable[[], list[Attempt]]:
    return lambda: outbox.claim_due(limit=10, now=at)


def claimed(results: list[object]) -> list[Attempt]:
    return [attempt for result in results if isinstance(result, list) for attempt in result]


def test_one_of_eight_approvals_wins(alice: builders.Tenant, reviewers: list[Member]) -> None:
    for _ in range(ROUNDS):
        review = builders.held(alice)
        won = winners(race([approving(review, person) for person in reviewers]))
        assert len(won) == 1
        assert Decision.objects.filter(review=review).count() == 1
        assert Message.objects.get(pk=review.message_id).status == Status.QUEUED


def test_approve_against_reject_has_one_winner_and_the_message_obeys_it(
    alice: builders.Tenant, reviewers: list[Member]
) -> None:
    ends = {DecisionKind.APPROVE: Status.QUEUED, DecisionKind.REJECT: Status.REJECTED}
    for _ in range(ROUNDS):
        review = builders.held(alice)
        acts = [(approving if number % 2 else rejecting)(review, person) for number, person in enumerate(reviewers)]
        assert len(winners(race(acts))) == 1
        decision = Decision.objects.get(review=review)
        assert Message.objects.get(pk=review.message_id).status == ends[DecisionKind(decision.kind)]


def test_undo_against_claim_is_either_held_or_claimed_never_both(
    alice: builders.Tenant, reviewers: list[Member]
) -> None:
    for _ in range(ROUNDS):
        review = builders.held(alice)
        decisions.approve(review, reviewer=builders.reviewer(reviewers[0]), version=1, now=clock.now())
        later = clock.now() + LONG_AFTER
        undoing = [
            lambda person=person, review=review: decisions.undo(
                review, reviewer=builders.reviewer(person), now=clock.now()
            )
            for person in reviewers[: THREADS // 2]
        ]
        results = race([*undoing, *(claiming(later) for _ in range(THREADS // 2))])
        undone = [result for result in winners(results) if isinstance(result, Decision)]
        attempts = claimed(results)
        assert len(undone) + len(attempts) == 1
        review.refresh_from_db()
        status = Message.objects.get(pk=review.message_id).status
        expected = (ReviewState.OPEN, Status.HELD) if undone else (ReviewState.APPROVED, Status.SENDING)
        assert (review.state, status) == expected


def test_cancel_against_claim_is_either_cancelled_or_claimed_never_both(alice: builders.Tenant) -> None:
    for _ in range(ROUNDS):
        message = queued(alice)
        later = clock.now() + LONG_AFTER
        cancelling = [
            lambda message=message: submission.cancel(alice.agent_actor, alice.mailbox.pk, message.pk, now=clock.now())
            for _ in range(THREADS // 2)
        ]
        results = race([*cancelling, *(claiming(later) for _ in range(THREADS // 2))])
        attempts = claimed(results)
        message.refresh_from_db()
        assert len(attempts) == (1 if message.status == Status.SENDING else 0)
        assert message.status in (Status.CANCELLED, Status.SENDING)
        assert Recipient.objects.get(message=message).attempts_count == len(attempts)


def test_cancel_against_approve_never_sends_what_was_answered_as_cancelled(
    alice: builders.Tenant, reviewers: list[Member]
) -> None:
    for _ in range(ROUNDS // 2):
        review = builders.held(alice)
        cancelling = [
            lambda review=review: submission.cancel(
                alice.agent_actor, alice.mailbox.pk, review.message_id, now=clock.now()
            )
            for _ in range(THREADS // 2)
        ]
        results = race([*cancelling, *(approving(review, person) for person in reviewers[: THREADS // 2])])
        cancelled = [result for result in winners(results) if isinstance(result, Message)]
        assert cancelled
        assert Message.objects.get(pk=review.message_id).status == Status.CANCELLED
        assert outbox.claim_due(limit=10, now=clock.now() + LONG_AFTER) == []


def queued(owner: builders.Tenant) -> Message:
    """A message that a human approved: it waits for the claim."""
    review = builders.held(owner)
    decisions.approve(review, reviewer=builders.reviewer(owner.owner), version=1, now=clock.now())
    return Message.objects.get(pk=review.message_id)
