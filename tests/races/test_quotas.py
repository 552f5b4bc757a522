"""Eight at once at the limit: exactly the limit is accepted, every round."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from django.db import connections

from mailboxes import clock, limits, mailbox, quotas
from mailboxes.errors import Forbidden, LimitReached
from mailboxes.models import LimitKind, Mailbox
from mailboxes.quotas import Counter
from messaging.models import Message
from tests import builders
from tests.builders import Tenant

pytestmark = [pytest.mark.race, pytest.mark.django_db(transaction=True)]

THREADS = 8
ROUNDS = 50


def at_once(act: Callable[[int], object]) -> list[bool]:
    """Which of the threads got through; each meets the others at a barrier first."""
    barrier = Barrier(THREADS)

    def run(number: int) -> bool:
        try:
            barrier.wait(10)
            act(number)
        except (LimitReached, Forbidden):
            return False
        finally:
            connections.close_all()
        return True

    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(run, range(THREADS)))


def test_exactly_the_limit_is_taken_when_eight_take_at_once() -> None:
    alice = builders.tenant()
    now = clock.now()
    for number in range(ROUNDS):
        allowed = number % THREADS + 1
        limits.set_limit(alice.account, LimitKind.MONTHLY_INBOUND, allowed, by="test", now=now)
        counter = Counter(LimitKind.MONTHLY_INBOUND, alice.account.pk)
        accepted = sum(at_once(lambda _: quotas.take(alice.account, LimitKind.MONTHLY_INBOUND, 1, now=now)))
        assert accepted == allowed
        assert quotas.used([alice.account.pk], LimitKind.MONTHLY_INBOUND, now=now) == {alice.account.pk: allowed}
        quotas.give_back(counter, allowed, taken_at=now)


def test_exactly_the_limit_is_accepted_when_eight_send_at_once() -> None:
    alice = builders.tenant()
    limits.set_limit(alice.account, LimitKind.DAILY_SENDS, 3, by="test", now=clock.now())
    assert sum(at_once(lambda _: builders.submit(alice))) == 3
    assert Message.objects.filter(mailbox=alice.mailbox).count() == 3
    assert quotas.used([alice.mailbox.pk], LimitKind.DAILY_SENDS, now=clock.now()) == {alice.mailbox.pk: 3}


def test_two_mailboxes_of_one_account_sending_at_once_never_lock_each_other_out() -> None:
    alice = builders.tenant()
    second = _mailbox(alice, "second-one")
    boxes = [alice.mailbox, second]
    assert all(at_once(lambda number: quotas.take_sends(boxes[number % 2], 1, now=clock.now())))


def test_exactly_the_limit_of_mailboxes_is_made_when_eight_make_one_at_once() -> None:
    alice = builders.tenant()
    accepted = sum(at_once(lambda number: _mailbox(alice, f"box-{number}")))
    assert accepted == 2, "the plan has three, signup made one"
    assert Mailbox.objects.filter(account=alice.account).count() == 3


def _mailbox(owner: Tenant, address: str) -> Mailbox:
    return mailbox.create(
        owner.account, mailbox.NewMailbox(address=address, domain=owner.mailbox.domain), now=clock.now()
    )
