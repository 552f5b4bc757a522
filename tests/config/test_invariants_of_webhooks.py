"""The invariants of webhooks are silent on what the verbs make of events, whatever the receivers answer."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.db import transaction
from pytest_django import DjangoDbBlocker

from config.owner import as_owner
from mailboxes import clock
from messaging.models import DeliveryStatus, WebhookDelivery
from messaging.webhooks import changes, claims, fanout, outcomes
from messaging.webhooks.claims import Claim
from messaging.webhooks.telling import Outcome
from tests import builders
from tests.builders import Tenant
from tests.config.forgeries.forging import broken_now
from tests.messaging.told import happen, webhook_to

KIND = "suppression.removed"


@pytest.fixture(autouse=True)
def _in_a_transaction_of_the_owner(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    with django_db_blocker.unblock(), as_owner(), transaction.atomic():
        yield
        transaction.set_rollback(True)


@pytest.fixture
def alice() -> Tenant:
    return builders.tenant()


def tell(answers: Iterator[int], *, after: timedelta = timedelta()) -> int:
    """One round of the process that tells: so many deliveries were answered with the next of these."""
    now = clock.now() + after
    while fanout.fan_out(now=now):
        pass
    claimed = claims.claim_due(free=32, for_failing=16, now=now)
    outcomes.record([_answered(claim, next(answers), number) for number, claim in enumerate(claimed)], now=now)
    return len(claimed)


def _answered(claim: Claim, status: int, number: int) -> Outcome:
    started = claim.leased_until - timedelta(seconds=60 - number / 100)
    return Outcome(claim, started, started + timedelta(milliseconds=3), status=status)


@pytest.mark.parametrize("is_ordered", [False, True])
def test_nothing_is_broken_when_receivers_fail_and_come_back(alice: Tenant, is_ordered: bool) -> None:
    webhook_to(alice, KIND, is_ordered=is_ordered)
    webhook_to(alice, "*")
    happen(alice, 5, KIND)
    dice = iter([500, 204, 503, 200, 204] * 1000)
    for minutes in range(0, 2000, 50):
        tell(dice, after=timedelta(minutes=minutes))
        if minutes % 500 == 0:
            happen(alice, 2, KIND)
            assert broken_now() == []
    assert DeliveryStatus.DELIVERED in set(WebhookDelivery.objects.values_list("status", flat=True))
    assert broken_now() == []


def test_nothing_is_broken_when_an_endpoint_asks_for_something_else_from_now_on(alice: Tenant) -> None:
    endpoint = webhook_to(alice, "message.bounced")
    happen(alice, 3, KIND)
    endpoints_changed(alice, endpoint.pk)
    happen(alice, 2, KIND)
    always = iter([204] * 100)
    while tell(always):
        pass
    assert WebhookDelivery.objects.filter(endpoint=endpoint).count() >= 2
    assert broken_now() == []


def endpoints_changed(owner: Tenant, pk: object) -> None:
    changes.change(owner.agent_actor, pk, changes.Change(events=[KIND]), now=clock.now())
