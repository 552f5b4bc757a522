"""Several people, editors, authors and the clock at once: one outcome, one release, and never other bytes."""

from __future__ import annotations

from datetime import timedelta

import pytest
import zeal

from config.invariants import check_all
from mailboxes import clock
from mailboxes.models import Member
from messaging.models import Message, Recipient, Revision, Status
from messaging.outbound import outbox
from oversight import decisions, releases, returns, reviews, submission
from oversight.decisions import Changes
from oversight.models import Decision, DecisionKind, Review, ReviewState
from tests import builders
from tests.builders import Tenant
from tests.races.harness import THREADS, Act, family, in_rounds, refusals, winners

pytestmark = [pytest.mark.race, pytest.mark.django_db(transaction=True)]

LATER = timedelta(minutes=10)


@pytest.fixture(autouse=True)
def _rows_are_no_list() -> object:
    with zeal.zeal_ignore():
        yield


@pytest.fixture
def alice(settings: pytest.FixtureRequest) -> Tenant:
    settings.DEFAULT_LIMITS = dict.fromkeys(settings.DEFAULT_LIMITS, 0)  # type: ignore[attr-defined]
    tenant = builders.tenant()
    outbox.claim_due(limit=100, now=clock.now() + LATER)  # the mail of the house is not what is raced for
    return tenant


@pytest.fixture
def people(alice: Tenant) -> list[Member]:
    return [builders.member(alice.account, f"reviewer{number}") for number in range(THREADS)]


def approving(review: Review, person: Member, version: int | None = None) -> Act:
    return lambda: decisions.approve(review, reviewer=builders.reviewer(person), version=version, now=clock.now())


def editing(review: Review, person: Member, version: int | None = None) -> Act:
    changes = Changes(subject=f"By {person.pk}")
    return lambda: decisions.edit(
        review, reviewer=builders.reviewer(person), version=version, changes=changes, now=clock.now()
    )


def returning(review: Review, person: Member, version: int | None = None) -> Act:
    return lambda: decisions.request_changes(
        review, reviewer=builders.reviewer(person), version=version, instructions="Anew.", now=clock.now()
    )


def undoing(review: Review, person: Member) -> Act:
    return lambda: decisions.undo(review, reviewer=builders.reviewer(person), now=clock.now())


def cancelling(owner: Tenant, review: Review) -> Act:
    return lambda: submission.cancel(owner.agent_actor, owner.mailbox.pk, review.message_id, now=clock.now())


def expiring(review: Review) -> Act:
    return lambda: reviews.expire_due(now=review.expires_at)


def releasing() -> Act:
    return lambda: releases.release_due(now=clock.now() + LATER)


def claiming() -> Act:
    return lambda: outbox.claim_due(limit=10, now=clock.now() + 2 * LATER)


def resubmitting(owner: Tenant, review: Review, number: int) -> Act:
    draft = builders.draft(owner.mailbox, subject=f"Form {number}")
    return lambda: returns.resubmit(owner.agent_actor, owner.mailbox.pk, review.message_id, draft, now=clock.now())


def claimed(results: list[object]) -> list[object]:
    return [attempt for result in results if isinstance(result, list) for attempt in result]


def decided(results: list[object], *kinds: DecisionKind) -> list[Decision]:
    return [one for one in winners(results) if isinstance(one, Decision) and (not kinds or one.kind in kinds)]


def nothing_is_broken() -> None:
    assert [result.invariant.id for result in check_all() if not result.holds] == []


@in_rounds
def test_of_eight_people_as_many_approve_as_are_needed_and_it_leaves_once(
    alice: Tenant, people: list[Member], rounds: int
) -> None:
    with family("verbs: several people", rounds) as crowd:
        for number in range(rounds):
            needed = 2 + number % 3
            review = builders.held(alice)
            Review.objects.filter(pk=review.pk).update(people_needed=needed)
            results = crowd.race([approving(review, person) for person in people])
            assert len(decided(results)) == needed
            assert refusals(results) == {"already_decided"}
            assert len({one.member_id for one in decided(results)}) == needed
            results = crowd.race([releasing() for _ in range(THREADS)])
            assert sum(result for result in results if isinstance(result, int)) == 1
            results = crowd.race([claiming() for _ in range(THREADS)])
            assert len(claimed(results)) == 1
            crowd.winners += 1
        nothing_is_broken()


@in_rounds
def test_one_person_who_clicks_eight_times_counts_once(alice: Tenant, people: list[Member], rounds: int) -> None:
    with family("verbs: the same person", rounds) as crowd:
        for _ in range(rounds):
            review = builders.held(alice)
            Review.objects.filter(pk=review.pk).update(people_needed=2)
            results = crowd.race([approving(review, people[0]) for _ in range(THREADS)])
            assert len(decided(results)) == 1
            assert refusals(results) == {"already_approved"}
            crowd.winners += 1
        nothing_is_broken()


@in_rounds
def test_of_edit_approve_return_expire_and_cancel_on_one_version_one_wins(
    alice: Tenant, people: list[Member], rounds: int
) -> None:
    with family("verbs: edit, approve, return, expire, cancel", rounds) as crowd:
        for number in range(rounds):
            review = builders.held(alice)
            acts = [
                approving(review, people[0], 1), approving(review, people[1], 1),
                editing(review, people[2], 1), editing(review, people[3], 1),
                returning(review, people[4], 1), returning(review, people[5], 1),
                expiring(review) if number % 2 else cancelling(alice, review),
                releasing(),
            ]  # fmt: skip
            results = crowd.race(acts)
            assert len(decided(results)) <= 1
            assert Decision.objects.filter(review=review).count() == len(decided(results))
            assert refusals(results) <= {"already_decided", "stale_version", "expired"}
            crowd.race([claiming() for _ in range(THREADS)])
            _only_what_was_approved_leaves(review)
            crowd.winners += 1
        nothing_is_broken()


@in_rounds
def test_whoever_approves_what_somebody_edits_approves_what_leaves_or_nothing(
    alice: Tenant, people: list[Member], rounds: int
) -> None:
    """Without a version: as it stands."""
    with family("verbs: edit and approve", rounds) as crowd:
        for _ in range(rounds):
            review = builders.held(alice)
            acts = [editing(review, person) for person in people[:4]] + [approving(review, one) for one in people[4:]]
            results = crowd.race(acts)
            assert len(decided(results, DecisionKind.APPROVE)) == 1
            assert refusals(results) <= {"already_decided"}
            crowd.race([releasing() for _ in range(THREADS)])
            taken = crowd.race([claiming() for _ in range(THREADS)])
            assert len(claimed(taken)) == 1
            _only_what_was_approved_leaves(review)
            crowd.winners += 1
        nothing_is_broken()


@in_rounds
def test_undo_against_release_and_claim_is_held_or_claimed_never_both(
    alice: Tenant, people: list[Member], rounds: int
) -> None:
    with family("verbs: undo, release, claim", rounds) as crowd:
        for _ in range(rounds):
            review = builders.held(alice)
            decisions.approve(review, reviewer=builders.reviewer(people[0]), version=1, now=clock.now())
            undos = [undoing(review, person) for person in people[:3]]
            results = crowd.race([*undos, releasing(), releasing(), releasing(), claiming(), claiming()])
            undone = decided(results, DecisionKind.UNDO)
            assert len(undone) + len(claimed(results)) <= 1
            assert refusals(results) <= {"nothing_to_undo", "already_sending"}
            status = Message.objects.get(pk=review.message_id).status
            if undone:
                assert status == Status.HELD
                assert Recipient.objects.get(message=review.message_id).next_at is None
                assert outbox.claim_due(limit=10, now=clock.now() + 2 * LATER) == []
            else:
                assert status == (Status.SENDING if claimed(results) else Status.QUEUED)
            crowd.winners += 1
        nothing_is_broken()


@in_rounds
def test_of_eight_resubmissions_one_counts_whatever_the_clock_and_the_author_do(
    alice: Tenant, people: list[Member], rounds: int
) -> None:
    with family("verbs: resubmit, cancel, expire", rounds) as crowd:
        for number in range(rounds):
            review = builders.held(alice)
            returning(review, people[0])()
            over = Review.objects.get(pk=review.pk).expires_at
            acts = [resubmitting(alice, review, place) for place in range(6)]
            acts += (
                [cancelling(alice, review), cancelling(alice, review)]
                if number % 2
                else [
                    lambda over=over: returns.expire_due(now=over)  # type: ignore[misc]
                ]
                * 2
            )
            results = crowd.race(acts)
            sent_again = [one for one in results[:6] if isinstance(one, Message)]
            assert len(sent_again) <= 1
            assert refusals(results) <= {"not_returned"}
            message = Message.objects.get(pk=review.message_id)
            assert message.status in (Status.HELD, Status.CANCELLED, Status.EXPIRED)
            assert message.current_version == 1 + len(sent_again)
            assert Review.objects.filter(message=message, state=ReviewState.OPEN).count() == (message.status == "held")
            crowd.winners += 1
        nothing_is_broken()


def _only_what_was_approved_leaves(review: Review) -> None:
    """If anything was taken, its bytes are those under the newest approval."""
    message = Message.objects.get(pk=review.message_id)
    newest = Decision.objects.filter(review=review).order_by("-version").first()
    seal = Revision.objects.get(message=message, version=message.current_version).seal
    if Recipient.objects.get(message=message).attempts_count:
        assert newest is not None
        assert (newest.kind, newest.seal) == (DecisionKind.APPROVE, seal)
