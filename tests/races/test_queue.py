"""The queue under many hands: one claim wins, one decision of an item, one round of attempts."""

from __future__ import annotations

from datetime import timedelta
from functools import partial

import pytest
from django.db import connection, transaction
from pytest_django import Settings

from mailboxes import clock
from mailboxes.models import Member
from messaging.models import DeadLetter, Message, Recipient, Status
from messaging.outbound import outbox
from oversight import batches, bulk, dead_letters, decisions, reviews, sharing, viewings
from oversight.bulk import Named
from oversight.models import BatchItem, Decision, Review, ReviewState
from tests import builders
from tests.races.harness import LONG, THREADS, Act, family, in_rounds, refusals, winners

pytestmark = [pytest.mark.race, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def alice(settings: Settings) -> builders.Tenant:
    settings.DEFAULT_LIMITS = dict.fromkeys(settings.DEFAULT_LIMITS, 0)
    settings.PENDING_PER_KEY = 0
    tenant = builders.tenant()
    outbox.claim_due(limit=100, now=clock.now() + timedelta(minutes=10))
    return tenant


@pytest.fixture
def people(alice: builders.Tenant) -> list[Member]:
    return [builders.member(alice.account, f"reviewer{number}") for number in range(THREADS)]


def claiming(review: Review, person: Member) -> Act:
    return lambda: sharing.claim(review, actor=builders.reviewer(person).principal, now=clock.now())


@in_rounds
def test_one_of_eight_claims_wins(alice: builders.Tenant, people: list[Member], rounds: int) -> None:
    with family("queue: claim", rounds) as crowd:
        for _ in range(rounds):
            review = builders.held(alice)
            results = crowd.race([claiming(review, person) for person in people])
            [won] = winners(results)
            assert refusals(results) == {"claimed"}
            review.refresh_from_db()
            assert isinstance(won, Review)
            assert won.claimed_by_id == review.claimed_by_id
            crowd.winners += 1


@in_rounds
def test_a_claim_never_undoes_a_decision(alice: builders.Tenant, people: list[Member], rounds: int) -> None:
    with family("queue: claim and decide", rounds) as crowd:
        for _ in range(rounds):
            review = builders.held(alice)
            deciding: Act = lambda review=review: decisions.reject(  # type: ignore[misc]  # noqa: E731
                review, reviewer=builders.reviewer(people[0]), version=1, reason="tone", now=clock.now()
            )
            crowd.race([deciding, *(claiming(review, person) for person in people[1:])])
            review.refresh_from_db()
            assert (review.state, review.version) == (ReviewState.REJECTED, 2)
            crowd.winners += 1


@in_rounds
def test_each_item_of_a_batch_has_one_winner_among_workers_and_people(
    alice: builders.Tenant, people: list[Member], rounds: int
) -> None:
    with family("queue: batch and single decisions", max(1, rounds // 5)) as crowd:
        for _ in range(max(1, rounds // 5)):
            found = [builders.held(alice, to=(f"kim{number}@friends.example",)) for number in range(4)]
            rhea = builders.reviewer(people[0])
            for review in found:
                viewings.record(review, actor=rhea.principal, now=clock.now())
            named = [Named(review.pk, 1) for review in found]
            batch = bulk.approve(found[0].fingerprint, named, reviewer=rhea, now=clock.now())
            singles: list[Act] = [
                partial(_reject, review, person) for review, person in zip(found, people[1:5], strict=True)
            ]
            late = found[0].expires_at
            expiring: Act = lambda late=late: reviews.expire_due(now=late)  # type: ignore[misc]  # noqa: E731
            crowd.race([*singles, batches.run_due, batches.run_due, batches.run_due, expiring])
            batches.run_due(busy_for=LONG)
            for item in BatchItem.objects.filter(batch=batch).select_related("review"):
                kinds = list(Decision.objects.filter(review=item.review).values_list("kind", flat=True))
                status = Message.objects.get(pk=item.review.message_id).status
                ends = {"done": (["approve"], Status.QUEUED)}
                if item.outcome in ends:
                    assert (kinds, status) == ends[item.outcome]
                else:
                    assert item.code in {"already_decided", "expired"}
                    assert (kinds, status) in ((["reject"], Status.REJECTED), ([], Status.EXPIRED))
            batch.refresh_from_db()
            assert batch.finished_at is not None
            crowd.winners += len(found)


def _reject(review: Review, person: Member) -> Decision:
    return decisions.reject(review, reviewer=builders.reviewer(person), version=1, reason="tone", now=clock.now())


@in_rounds
def test_a_dead_letter_is_taken_up_once(alice: builders.Tenant, people: list[Member], rounds: int) -> None:
    with family("queue: requeue", max(1, rounds // 5)) as crowd:
        for _ in range(max(1, rounds // 5)):
            letter = builders.dead_letter(alice)
            acts: list[Act] = [
                partial(
                    dead_letters.requeue if place % 2 else dead_letters.drop,
                    builders.reviewer(person).principal,
                    letter.pk,
                    now=clock.now(),
                )
                for place, person in enumerate(people)
            ]
            results = crowd.race(acts)
            [won] = winners(results)
            assert refusals(results) == {"letter_over"}
            assert isinstance(won, DeadLetter)
            state = Recipient.objects.get(pk=letter.recipient_id).state
            assert state == {"requeued": "waiting", "dropped": "failed"}[won.end]
            outbox.claim_due(limit=100, now=clock.now() + timedelta(minutes=1))
            crowd.winners += 1


def test_no_more_of_a_key_waits_than_may_when_eight_send_at_once(alice: builders.Tenant, settings: Settings) -> None:
    settings.PENDING_PER_KEY = 5
    with family("queue: waiting of a key", 1) as crowd:
        results = crowd.race([partial(builders.submit, alice) for _ in range(THREADS)])
    assert len(winners(results)) == 5
    assert refusals(results) == {"pending_limit"}
    assert Review.objects.filter(state="open").count() == 5


def test_nobody_holds_a_transaction_over_a_whole_batch(alice: builders.Tenant, people: list[Member]) -> None:
    """Only here, where a test is no transaction itself."""
    found = [builders.held(alice) for _ in range(3)]
    bulk.reject(
        [Named(one.pk, 1) for one in found], reviewer=builders.reviewer(people[0]), reason="tone", now=clock.now()
    )
    seen: list[int] = []
    real = batches._decide_next

    def watched(batch: object) -> bool:
        assert not connection.in_atomic_block
        with transaction.atomic():
            seen.append(Review.objects.filter(state="open").count())
        return real(batch)  # type: ignore[arg-type]

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(batches, "_decide_next", watched)
        batches.run_due(busy_for=LONG)
    assert seen == [3, 2, 1, 0]
