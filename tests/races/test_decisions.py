"""Two humans, a human and a worker, an agent and a worker: exactly one wins, and the rows agree with the winner."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest

from mailboxes import clock
from mailboxes.models import Member
from messaging.models import Message, Recipient, Status
from messaging.outbound import outbox
from oversight import decisions, releases, reviews, submission
from oversight.models import Decision, DecisionKind, Review, ReviewState
from tests import builders
from tests.races.harness import THREADS, Act, family, in_rounds, refusals, winners

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


def approving(review: Review, person: Member) -> Act:
    return lambda: decisions.approve(review, reviewer=builders.reviewer(person), version=1, now=clock.now())


def rejecting(review: Review, person: Member) -> Act:
    return lambda: decisions.reject(
        review, reviewer=builders.reviewer(person), version=1, reason="tone", now=clock.now()
    )


def undoing(review: Review, person: Member) -> Act:
    return lambda: decisions.undo(review, reviewer=builders.reviewer(person), now=clock.now())


def cancelling(owner: builders.Tenant, message_pk: UUID) -> Act:
    return lambda: submission.cancel(owner.agent_actor, owner.mailbox.pk, message_pk, now=clock.now())


def claiming() -> Act:
    """A worker that comes when the time for undo is over, behind the release."""

    def act() -> object:
        releases.release_due(now=clock.now() + LONG_AFTER)
        return outbox.claim_due(limit=10, now=clock.now() + LONG_AFTER)

    return act


def claimed(results: list[object]) -> list[object]:
    return [attempt for result in results if isinstance(result, list) for attempt in result]


@in_rounds
def test_one_of_eight_approvals_wins(alice: builders.Tenant, reviewers: list[Member], rounds: int) -> None:
    with family("decisions: approve", rounds) as people:
        for _ in range(rounds):
            review = builders.held(alice)
            results = people.race([approving(review, person) for person in reviewers])
            assert len(winners(results)) == 1
            assert refusals(results) == {"already_decided"}
            assert Decision.objects.filter(review=review).count() == 1
            assert Message.objects.get(pk=review.message_id).status == Status.QUEUED
            people.winners += 1


@in_rounds
def test_of_approve_reject_and_expire_one_wins_and_the_message_obeys_it(
    alice: builders.Tenant, reviewers: list[Member], rounds: int
) -> None:
    ends = {DecisionKind.APPROVE: Status.QUEUED, DecisionKind.REJECT: Status.REJECTED}
    with family("decisions: approve, reject, expire", rounds) as people:
        for number in range(rounds):
            review = builders.held(alice)
            acts = [(approving if place % 2 else rejecting)(review, person) for place, person in enumerate(reviewers)]
            # A worker whose moment is just after the review's time, among people whose moment is just before.
            acts[number % THREADS] = lambda review=review: reviews.expire_due(now=review.expires_at)  # type: ignore[misc]
            results = people.race(acts)
            decided = [result for result in winners(results) if isinstance(result, Decision)]
            expired = [result for result in winners(results) if result == 1]
            assert len(decided) + len(expired) == 1
            assert refusals(results) <= {"already_decided", "expired"}
            status = Message.objects.get(pk=review.message_id).status
            assert status == (ends[DecisionKind(decided[0].kind)] if decided else Status.EXPIRED)
            assert Decision.objects.filter(review=review).count() == len(decided)
            people.winners += 1


@in_rounds
def test_undo_against_claim_is_either_held_or_claimed_never_both(
    alice: builders.Tenant, reviewers: list[Member], rounds: int
) -> None:
    with family("claim: undo", rounds) as people:
        for _ in range(rounds):
            review = approved(alice)
            acts = [undoing(review, person) for person in reviewers[: THREADS // 2]]
            results = people.race([*acts, *(claiming() for _ in range(THREADS // 2))])
            undone = [result for result in winners(results) if isinstance(result, Decision)]
            assert len(undone) + len(claimed(results)) == 1
            assert refusals(results) <= ({"nothing_to_undo"} if undone else {"already_sending"})
            review.refresh_from_db()
            status = Message.objects.get(pk=review.message_id).status
            expected = (ReviewState.OPEN, Status.HELD) if undone else (ReviewState.APPROVED, Status.SENDING)
            assert (review.state, status) == expected
            people.winners += 1


@in_rounds
def test_cancel_against_claim_is_either_cancelled_or_claimed_never_both(alice: builders.Tenant, rounds: int) -> None:
    with family("claim: cancel", rounds) as people:
        for _ in range(rounds):
            message = approved(alice).message
            acts = [cancelling(alice, message.pk)] * (THREADS // 2)
            results = people.race([*acts, *(claiming() for _ in range(THREADS // 2))])
            message.refresh_from_db()
            assert message.status in (Status.CANCELLED, Status.SENDING)
            assert len(claimed(results)) == (1 if message.status == Status.SENDING else 0)
            assert refusals(results) <= (set() if message.status == Status.CANCELLED else {"already_sending"})
            assert Recipient.objects.get(message=message).attempts_count == len(claimed(results))
            people.winners += 1


@in_rounds
def test_cancel_against_approve_never_sends_what_was_answered_as_cancelled(
    alice: builders.Tenant, reviewers: list[Member], rounds: int
) -> None:
    with family("decisions: cancel", rounds) as people:
        for _ in range(rounds):
            review = builders.held(alice)
            acts = [cancelling(alice, review.message_id)] * (THREADS // 2)
            results = people.race([*acts, *(approving(review, person) for person in reviewers[: THREADS // 2])])
            cancelled = [result for result in winners(results) if isinstance(result, Message)]
            assert len(cancelled) == THREADS // 2, "cancelling again is no error"
            assert len(winners(results)) <= len(cancelled) + 1
            assert refusals(results) <= {"already_decided"}
            assert Message.objects.get(pk=review.message_id).status == Status.CANCELLED
            assert outbox.claim_due(limit=10, now=clock.now() + LONG_AFTER) == []
            people.winners += 1


def approved(owner: builders.Tenant) -> Review:
    """A review whose message waits for the claim."""
    review = builders.held(owner)
    decisions.approve(review, reviewer=builders.reviewer(owner.owner), version=1, now=clock.now())
    return review
