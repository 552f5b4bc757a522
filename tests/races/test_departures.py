"""A deletion against all that goes on in the account: nothing begins after it, and the erasure ends."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from itertools import count

import pytest
import zeal
from pytest_django import Settings

from config.invariants import check_all
from mailboxes import clock, departure, erasure, mailbox
from mailboxes.models import Account, Mailbox
from mailboxes.modes import OversightMode
from messaging.inbound import intake
from messaging.models import Attempt, Message, RawMessage
from messaging.outbound import dispatch
from oversight import departures
from tests import builders
from tests.arrivals import receive
from tests.builders import Tenant
from tests.leaving import erase_all, traces_of
from tests.letters import letter
from tests.races.harness import LONG, Act, family, in_rounds

pytestmark = [pytest.mark.race, pytest.mark.django_db(transaction=True)]

_numbers = count(1)


@pytest.fixture(autouse=True)
def _without_limits(settings: Settings, transactional_db: None) -> Iterator[None]:
    settings.DEFAULT_LIMITS = dict.fromkeys(settings.DEFAULT_LIMITS, 0)
    with zeal.zeal_ignore():
        yield


@in_rounds
def test_nothing_begins_after_a_deletion_and_all_of_it_is_erased(rounds: int) -> None:
    with family("deletion: send, claim, receive, make, erase", rounds, threads=8) as people:
        for _ in range(rounds):
            alice = _at_work()
            results = people.race(
                [
                    _leaving(alice),
                    lambda: dispatch.drain(),
                    lambda: dispatch.drain(),
                    lambda: intake.drain(busy_for=1),
                    _sending(alice),
                    _making(alice),
                    lambda: erasure.erase_due(now=clock.now(), batch=2),
                    lambda: departures.cancel_due(now=clock.now()),
                ]
            )
            left_at = results[0]
            assert isinstance(left_at, datetime)
            mine = Attempt.objects.filter(recipient__message__account=alice.account)
            assert not mine.filter(started_at__gt=left_at + timedelta(seconds=1)).exists()
            assert not Mailbox.objects.filter(account=alice.account, deleted_at__isnull=True).exists()
            _end(alice)
            people.winners += 1


@in_rounds
def test_a_mailbox_is_erased_beside_those_who_work_in_it(rounds: int) -> None:
    with family("deletion of a mailbox: claim, receive, cancel, erase", rounds, threads=6) as people:
        for _ in range(rounds):
            alice = _at_work()
            people.race(
                [
                    lambda owner=alice: mailbox.delete(owner.mailbox, by="test", now=clock.now()),  # type: ignore[misc]  # a default binds the name
                    lambda: dispatch.drain(),
                    lambda: intake.drain(busy_for=1),
                    _sending(alice),
                    lambda: departures.cancel_due(now=clock.now()),
                    lambda: erasure.erase_due(now=clock.now(), batch=2),
                ]
            )
            dispatch.drain(busy_for=LONG)
            intake.drain(busy_for=LONG)
            departures.cancel_due(now=clock.now())
            erase_all()
            assert not Message.objects.filter(mailbox=alice.mailbox).exists()
            assert not RawMessage.objects.filter(mailbox=alice.mailbox).exists()
            assert [result.invariant.id for result in check_all() if not result.holds] == []
            people.winners += 1


def _at_work() -> Tenant:
    alice = builders.tenant("erased", mode=OversightMode.AUTONOMOUS)
    for _ in range(4):
        builders.submit(alice)
        receive(letter(to=alice.mailbox.full_address), alice.mailbox.full_address)
    return alice


def _leaving(owner: Tenant) -> Callable[[], datetime]:
    def act() -> datetime:
        departure.depart(owner.account, by="test", now=clock.now())
        return clock.now()

    return act


def _sending(owner: Tenant) -> Act:
    return lambda: builders.submit(owner)


def _making(owner: Tenant) -> Act:
    def act() -> None:
        asked = mailbox.NewMailbox(f"late-{next(_numbers)}", owner.mailbox.domain)
        mailbox.create(owner.account, asked, now=clock.now())

    return act


def _end(owner: Tenant) -> None:
    dispatch.drain(busy_for=LONG)
    intake.drain(busy_for=LONG)
    erase_all()
    assert not Account.objects.filter(pk=owner.account.pk).exists()
    assert traces_of(owner.account.slug, str(owner.account.pk)) == set()
    assert [result.invariant.id for result in check_all() if not result.holds] == []
