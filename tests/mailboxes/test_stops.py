"""The kill switch."""

from __future__ import annotations

from datetime import timedelta

import pytest

from mailboxes import clock, stops
from mailboxes.errors import Forbidden
from mailboxes.models import Event, Role
from mailboxes.modes import OversightMode
from messaging.outbound import outbox
from tests import builders
from tests.builders import Tenant

pytestmark = pytest.mark.django_db


@pytest.fixture
def alice() -> Tenant:
    return builders.tenant(mode=OversightMode.AUTONOMOUS)


def kinds(owner: Tenant) -> list[str]:
    return list(Event.objects.filter(account=owner.account).order_by("seq").values_list("kind", flat=True))


def claimable() -> int:
    return len(outbox.claim_due(limit=10, now=clock.now() + timedelta(minutes=1)))


def test_any_reviewer_stops_and_nothing_is_claimed_until_the_owner_resumes(alice: Tenant) -> None:
    builders.submit(builders.tenant("bob", mode=OversightMode.AUTONOMOUS))
    while claimable():
        pass
    builders.submit(alice)
    rhea = builders.member(alice.account)
    assert stops.stop(rhea, reason="Wrong price list.", now=clock.now())
    alice.account.refresh_from_db()
    assert alice.account.stopped_by == rhea
    assert claimable() == 0
    assert stops.resume(alice.owner, now=clock.now())
    assert claimable() == 1
    assert kinds(alice)[-2:] == ["account.stopped", "account.resumed"]


def test_stopping_or_resuming_twice_is_recorded_once(alice: Tenant) -> None:
    assert stops.stop(alice.owner, reason="x", now=clock.now())
    assert not stops.stop(alice.owner, reason="y", now=clock.now())
    assert stops.resume(alice.owner, now=clock.now())
    assert not stops.resume(alice.owner, now=clock.now())
    assert kinds(alice).count("account.stopped") == kinds(alice).count("account.resumed") == 1


def test_a_viewer_does_not_stop_and_a_reviewer_does_not_resume(alice: Tenant) -> None:
    with pytest.raises(Forbidden):
        stops.stop(builders.member(alice.account, "vera", Role.VIEWER), reason="x", now=clock.now())
    stops.stop(alice.owner, reason="x", now=clock.now())
    with pytest.raises(Forbidden):
        stops.resume(builders.member(alice.account), now=clock.now())
