"""Whether the dangerous acts of agents wait for people: who may say so."""

from __future__ import annotations

from datetime import timedelta

import pytest

from mailboxes import clock, operator_approval
from mailboxes.errors import Forbidden, Invalid
from mailboxes.models import Account, Event, Role
from tests import builders
from tests.builders import Tenant

pytestmark = pytest.mark.django_db


@pytest.fixture
def alice(db: None) -> Tenant:
    return builders.tenant()


def test_an_owner_switches_it_on_and_the_account_says_so_once(alice: Tenant) -> None:
    changed = [
        operator_approval.set_required(alice.owner, True, second_step_at=None, now=clock.now()) for _ in range(2)
    ]
    assert changed == [True, False]
    assert operator_approval.is_required(alice.account)
    told = Event.objects.get(account=alice.account, kind="account.operator_approval_changed")
    assert '"is_required":true' in told.data


@pytest.mark.parametrize("minutes_ago", [None, 16, -1])
def test_it_stays_on_for_whoever_has_not_just_proven_who_they_are(alice: Tenant, minutes_ago: int | None) -> None:
    now = clock.now()
    operator_approval.set_required(alice.owner, True, second_step_at=None, now=now)
    proven_at = None if minutes_ago is None else now - timedelta(minutes=minutes_ago)
    with pytest.raises(Forbidden) as refused:
        operator_approval.set_required(alice.owner, False, second_step_at=proven_at, now=now)
    assert refused.value.code == "second_step_required"
    assert operator_approval.is_required(alice.account)


def test_it_ends_after_a_second_step(alice: Tenant) -> None:
    now = clock.now()
    operator_approval.set_required(alice.owner, True, second_step_at=None, now=now)
    assert operator_approval.set_required(alice.owner, False, second_step_at=now - timedelta(minutes=1), now=now)
    assert not operator_approval.is_required(alice.account)


@pytest.mark.parametrize("role", [Role.REVIEWER, Role.VIEWER])
def test_whoever_does_not_manage_the_account_changes_nothing(alice: Tenant, role: Role) -> None:
    person = builders.member(alice.account, role=role)
    with pytest.raises(Forbidden) as refused:
        operator_approval.set_required(person, True, second_step_at=clock.now(), now=clock.now())
    assert refused.value.code == "not_manager"


def test_it_is_not_switched_on_where_nobody_could_be_asked(db: None) -> None:
    nobody = builders.tenant("nobody", is_verified=False)
    with pytest.raises(Invalid) as refused:
        operator_approval.set_required(nobody.owner, True, second_step_at=None, now=clock.now())
    assert refused.value.code == "no_oversight_address"
    assert not Account.objects.get(pk=nobody.account.pk).operator_approval
