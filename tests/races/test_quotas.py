"""Eight at once at the limit: exactly the limit is accepted, every round."""

from __future__ import annotations

from contextlib import suppress
from functools import partial

import pytest
from pytest_django import Settings

from mailboxes import clock, limits, mailbox, quotas
from mailboxes.errors import LimitReached
from mailboxes.models import LimitKind, Mailbox
from mailboxes.quotas import Counter
from messaging.models import Message
from oversight import decisions, reviews, submission
from tests import builders
from tests.builders import Tenant
from tests.races.harness import THREADS, Act, crowd, family, in_rounds, refusals, winners

pytestmark = [pytest.mark.race, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def alice(settings: Settings) -> Tenant:
    """No limit but the one that is raced for."""
    settings.DEFAULT_LIMITS = dict.fromkeys(settings.DEFAULT_LIMITS, 0)
    return builders.tenant()


@in_rounds
def test_exactly_the_limit_is_taken_when_eight_take_at_once(alice: Tenant, rounds: int) -> None:
    now = clock.now()
    counter = Counter(LimitKind.MONTHLY_INBOUND, alice.account.pk)
    with family("quota: take", rounds) as people:
        for number in range(rounds):
            allowed = number % THREADS + 1
            limits.set_limit(alice.account, LimitKind.MONTHLY_INBOUND, allowed, by="test", now=now)
            taking = [lambda: quotas.take(alice.account, LimitKind.MONTHLY_INBOUND, 1, now=now)] * THREADS
            accepted = len(winners(people.race(taking)))
            assert accepted == allowed
            assert quotas.used([alice.account.pk], LimitKind.MONTHLY_INBOUND, now=now) == {alice.account.pk: allowed}
            quotas.give_back(counter, allowed, taken_at=now)
            people.winners += accepted


@in_rounds
def test_exactly_the_limit_is_accepted_when_eight_send_at_once(alice: Tenant, rounds: int) -> None:
    """A17."""
    now = clock.now()
    with family("quota: send", rounds) as people:
        for number in range(rounds):
            allowed = 3 * (number + 1)
            limits.set_limit(alice.account, LimitKind.DAILY_SENDS, allowed, by="test", now=now)
            results = people.race([lambda: builders.submit(alice, now=now)] * THREADS)
            assert len(winners(results)) == 3
            assert refusals(results) == {"daily_limit"}
            assert Message.objects.filter(mailbox=alice.mailbox).count() == allowed
            assert quotas.used([alice.mailbox.pk], LimitKind.DAILY_SENDS, now=now) == {alice.mailbox.pk: allowed}
            people.winners += 3


@in_rounds
def test_a_limit_is_given_back_once_however_often_it_is_asked_for(alice: Tenant, rounds: int) -> None:
    """A17: refunded once."""
    reviewer = builders.reviewer(alice.owner)
    with family("quota: given back", rounds) as people:
        for _ in range(rounds):
            review = builders.held(alice, to=("kim@friends.example", "lou@friends.example"))
            rejecting: Act = partial(
                decisions.reject, review, reviewer=reviewer, version=1, reason="tone", now=clock.now()
            )
            cancelling: Act = partial(
                submission.cancel, alice.agent_actor, alice.mailbox.pk, review.message_id, now=clock.now()
            )
            expiring: Act = partial(reviews.expire_due, now=review.expires_at)
            results = people.race([*[rejecting] * 3, *[cancelling] * 3, *[expiring] * 2])
            assert refusals(results) <= {"already_decided", "expired", "already_final"}
            used = quotas.used([alice.mailbox.pk], LimitKind.MONTHLY_SENDS, now=clock.now())
            assert used == {alice.mailbox.pk: 0}
            people.winners += 1


@in_rounds
def test_two_mailboxes_of_one_account_sending_at_once_never_lock_each_other_out(alice: Tenant, rounds: int) -> None:
    boxes = [alice.mailbox, _mailbox(alice, "second-one")]
    now = clock.now()
    with family("quota: two mailboxes", rounds) as people:
        for _ in range(rounds):
            acts: list[Act] = [partial(quotas.take_sends, boxes[number % 2], 1, now=now) for number in range(THREADS)]
            results = people.race(acts)
            assert len(winners(results)) == THREADS
            people.winners += THREADS


@in_rounds
def test_exactly_the_limit_of_mailboxes_is_made_when_eight_make_one_at_once(alice: Tenant, rounds: int) -> None:
    with family("quota: mailboxes", rounds) as people:
        for number in range(rounds):
            allowed = 1 + 2 * (number + 1)
            limits.set_limit(alice.account, LimitKind.MAILBOXES, allowed, by="test", now=clock.now())
            acts: list[Act] = [partial(_mailbox, alice, f"box-{number}-{place}") for place in range(THREADS)]
            results = people.race(acts)
            assert len(winners(results)) == 2
            assert refusals(results) == {"mailbox_limit"}
            assert Mailbox.objects.filter(account=alice.account).count() == allowed
            people.winners += 2


def _mailbox(owner: Tenant, address: str) -> Mailbox:
    return mailbox.create(
        owner.account, mailbox.NewMailbox(address=address, domain=owner.mailbox.domain), now=clock.now()
    )


def test_of_sixty_four_sends_at_once_one_is_accepted_at_one_below_the_limit(alice: Tenant) -> None:
    """A17: thirty-two senders, each as fast as it can, twice."""
    now = clock.now()  # of one day
    limits.set_limit(alice.account, LimitKind.DAILY_SENDS, 5, by="test", now=now)
    for _ in range(4):
        builders.submit(alice, now=now)

    def twice() -> int:
        accepted = 0
        for _ in range(2):
            with suppress(LimitReached):
                builders.submit(alice, now=now)
                accepted += 1
        return accepted

    with crowd(32) as people:
        accepted = people.race([twice] * 32)
    assert sorted(accepted, key=str) == [0] * 31 + [1]
    assert Message.objects.filter(mailbox=alice.mailbox).count() == 5
    assert quotas.used([alice.mailbox.pk], LimitKind.DAILY_SENDS, now=now) == {alice.mailbox.pk: 5}
