"""Whose mail bounces or annoys too often is suspended by the machine, once, and by the evidence since then."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from pytest_django import Settings

from mailboxes import clock, quotas, reputation, suspensions
from mailboxes.models import Account, CountKind, Event, LimitKind
from mailboxes.quotas import Counter
from tests import builders
from tests.builders import Tenant

pytestmark = pytest.mark.django_db

BOUNCES, COMPLAINTS = CountKind.DAILY_BOUNCES, CountKind.DAILY_COMPLAINTS


@pytest.fixture
def alice() -> Tenant:
    return builders.tenant()


def happened(owner: Tenant, *, sent: int = 0, at: datetime | None = None, **counts: int) -> None:
    """So many sends, bounces and complaints on the day of `at`, as sending and feedback count them."""
    moment = at or clock.now()
    if sent:
        quotas.count_all(owner.account, {Counter(LimitKind.DAILY_SENDS, owner.mailbox.pk): sent}, now=moment)
    for name, amount in counts.items():
        quotas.count(owner.account, {"bounces": BOUNCES, "complaints": COMPLAINTS}[name], amount, now=moment)


def reason(owner: Tenant) -> str:
    return Account.objects.get(pk=owner.account.pk).suspended_reason


def test_an_account_is_suspended_over_three_bounces_in_a_hundred(alice: Tenant) -> None:
    happened(alice, sent=100, bounces=3)
    assert (reputation.suspend_due(now=clock.now()), reason(alice)) == (0, "")
    happened(alice, bounces=1)
    assert (reputation.suspend_due(now=clock.now()), reason(alice)) == (1, "bounce_rate_exceeded")
    told = Event.objects.get(account=alice.account, kind="account.suspended")
    assert json.loads(told.data) == {
        "by": "reputation", "reason": "bounce_rate_exceeded", "bounces": 4, "complaints": 0, "sent": 100
    }  # fmt: skip


def test_an_account_is_suspended_over_one_complaint_in_two_thousand(alice: Tenant) -> None:
    happened(alice, sent=2000, complaints=1)
    assert reputation.suspend_due(now=clock.now()) == 0
    happened(alice, complaints=1)
    assert (reputation.suspend_due(now=clock.now()), reason(alice)) == (1, "complaint_rate_exceeded")


def test_nobody_is_judged_by_fewer_than_fifty_sends(alice: Tenant) -> None:
    happened(alice, sent=49, bounces=49, complaints=49)
    assert reputation.suspend_due(now=clock.now()) == 0
    happened(alice, sent=1)
    assert reputation.suspend_due(now=clock.now()) == 1


def test_what_is_older_than_seven_days_is_not_held_against_anybody(alice: Tenant) -> None:
    now = clock.now()
    happened(alice, sent=100, bounces=50, at=now - timedelta(days=7))
    happened(alice, sent=60, bounces=1)
    assert reputation.suspend_due(now=now) == 0
    happened(alice, sent=60, bounces=20, at=now - timedelta(days=6))
    assert reputation.suspend_due(now=now) == 1


def test_sends_of_all_mailboxes_of_the_account_count_together(alice: Tenant) -> None:
    happened(alice, sent=60, bounces=2)
    charlie = builders.tenant("charlie")
    happened(charlie, sent=1000)
    assert (reputation.suspend_due(now=clock.now()), reason(charlie)) == (1, "")


def test_an_operator_lets_an_account_send_again_and_the_old_evidence_does_not_undo_that(alice: Tenant) -> None:
    now = clock.now()
    happened(alice, sent=100, bounces=10)
    assert reputation.suspend_due(now=now) == 1
    assert suspensions.reactivate(alice.account, by="operator", now=now)
    happened(alice, bounces=5)  # what still comes back of the old mail
    for later in (0, 1, 2):
        assert reputation.suspend_due(now=now + timedelta(days=later)) == 0
    tomorrow = now + timedelta(days=1)
    happened(alice, sent=100, bounces=10, at=tomorrow)
    assert reputation.suspend_due(now=tomorrow) == 1


def test_a_suspended_account_is_not_suspended_again(alice: Tenant) -> None:
    happened(alice, sent=100, bounces=10)
    suspensions.suspend(alice.account, reason="fraud", by="operator", now=clock.now())
    assert (reputation.suspend_due(now=clock.now()), reason(alice)) == (0, "fraud")


def test_a_limit_of_none_judges_nobody(alice: Tenant, settings: Settings) -> None:
    settings.MAX_BOUNCE_PERCENT = settings.MAX_COMPLAINT_PERCENT = Decimal(0)
    happened(alice, sent=100, bounces=100, complaints=100)
    assert reputation.suspend_due(now=clock.now()) == 0
