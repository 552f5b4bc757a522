"""Eight first test keys at once: one test account, and one test domain for everybody."""

from __future__ import annotations

from functools import partial

import pytest

from mailboxes import clock, test_accounts
from mailboxes.models import Account, Domain
from tests import builders
from tests.races.harness import THREADS, race

pytestmark = [pytest.mark.race, pytest.mark.django_db(transaction=True)]


def test_one_test_account_is_made_when_eight_ask_at_once() -> None:
    tenants = [builders.tenant("alice"), builders.tenant("charlie")]
    opening = [partial(test_accounts.open_for, one.account, now=clock.now()) for one in tenants]
    race(opening * (THREADS // len(tenants)))
    assert Account.objects.filter(test_of__isnull=False).count() == len(tenants)
    assert Domain.objects.filter(is_test=True).count() == 1
