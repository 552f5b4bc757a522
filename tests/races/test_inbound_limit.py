"""Eight at once at the edge of the month's limit: exactly what is over it is withheld, and unlocked once."""

from __future__ import annotations

from functools import partial

import pytest
from pytest_django import Settings

from mailboxes import clock, inbound_usage, limits, mailbox
from mailboxes.models import Event, LimitKind, Mailbox
from messaging.inbound import intake, withholding
from messaging.models import Message
from tests import builders
from tests.arrivals import receive
from tests.builders import Tenant
from tests.letters import letter
from tests.races.harness import THREADS, Act, family, in_rounds

pytestmark = [pytest.mark.race, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def alice(settings: Settings) -> Tenant:
    settings.DEFAULT_LIMITS = dict.fromkeys(settings.DEFAULT_LIMITS, 0)
    return builders.tenant()


def boxes_of(owner: Tenant) -> list[Mailbox]:
    """As many mailboxes as threads: the mails of one are filed in turn anyway."""
    asked = [mailbox.NewMailbox(address=f"box-{number}", domain=owner.mailbox.domain) for number in range(THREADS)]
    return [mailbox.create(owner.account, one, now=clock.now()) for one in asked]


def allow(owner: Tenant, amount: int) -> None:
    limits.set_limit(owner.account, LimitKind.MONTHLY_INBOUND, amount, by="test", now=clock.now())


def withheld(owner: Tenant) -> int:
    count = Message.objects.filter(account=owner.account, withheld_at__isnull=False).count()
    assert inbound_usage.withheld_of(owner.account) == count
    return count


@in_rounds
def test_exactly_what_is_over_the_limit_is_withheld_when_eight_file_at_once(alice: Tenant, rounds: int) -> None:
    boxes = boxes_of(alice)
    with family("inbound: the edge", rounds) as people:
        for number in range(rounds):
            before = withheld(alice)
            room = number % THREADS + 1
            allow(alice, number * THREADS + room)
            rows = [receive(letter(subject=f"No {number}"), box.full_address) for box in boxes]
            filing: list[Act] = [partial(intake.process, row, now=clock.now()) for row in rows]
            assert people.race(filing) == [True] * THREADS
            assert withheld(alice) - before == THREADS - room
            people.winners += room


@in_rounds
def test_each_is_unlocked_once_when_six_unlock_while_two_file(alice: Tenant, rounds: int) -> None:
    first, second, *_ = boxes_of(alice)
    with family("inbound: unlocking", rounds) as people:
        for number in range(rounds):
            allow(alice, number * 6 + 1)
            for place in range(4):
                assert intake.process(
                    receive(letter(subject=f"{number} {place}"), (first, second)[place % 2].full_address),
                    now=clock.now(),
                )
            rows = [receive(letter(subject=f"{number} late"), box.full_address) for box in (first, second)]
            allow(alice, number * 6 + 3)
            acts: list[Act] = [partial(withholding.unlock, alice.account, now=clock.now())] * 6
            acts += [partial(intake.process, row, now=clock.now()) for row in rows]
            people.race(acts)
            withholding.unlock(alice.account, now=clock.now())
            shown = Message.objects.filter(account=alice.account, direction="INBOUND", withheld_at__isnull=True).count()
            assert (shown, withheld(alice)) == (number * 6 + 3, 3)
            allow(alice, 0)
            withholding.unlock(alice.account, now=clock.now())
            assert withheld(alice) == 0
            people.winners += 2
    unlocked = Event.objects.filter(account=alice.account, kind="message.unlocked")
    assert unlocked.count() == unlocked.values("subject").distinct().count()
