"""Eight at once at an account's webhooks and suppressions."""

from __future__ import annotations

from functools import partial

import pytest
from django.db.models import Count
from pytest_django import Settings

from mailboxes import clock, events
from mailboxes.models import Event
from messaging.models import Suppression, WebhookDelivery, WebhookEndpoint
from messaging.recipients import suppressions
from messaging.webhooks import changes, claims, endpoints, fanout, outcomes, pings, redelivery, rotation, telling
from messaging.webhooks.redelivery import Range
from tests import builders
from tests.builders import Tenant
from tests.races.harness import THREADS, Act, in_rounds, race, refusals, winners

pytestmark = [pytest.mark.race, pytest.mark.django_db(transaction=True)]

EVERYTHING, GIVEN_UP = (Range(after=None, until=None, is_failed_only=only) for only in (False, True))
ACTIVE = changes.Change(status="ACTIVE")


@pytest.fixture
def alice() -> Tenant:
    return builders.tenant()


def kinds(owner: Tenant) -> list[str]:
    wanted = Event.objects.filter(account=owner.account, kind__regex="^(webhook|suppression)[.]")
    return list(wanted.order_by("seq").values_list("kind", flat=True))


def test_an_account_gets_no_more_webhooks_than_it_may_have_when_eight_ask_at_once(
    alice: Tenant, settings: Settings
) -> None:
    settings.WEBHOOKS_PER_ACCOUNT = 3
    results = race([partial(builders.webhook, alice)] * THREADS)
    assert len(winners(results)) == WebhookEndpoint.objects.count() == 3
    assert refusals(results) == {"webhook_limit"}
    created = Event.objects.filter(account=alice.account, kind="webhook.created")
    assert sorted(created.values_list("seq", flat=True)) == sorted(
        WebhookEndpoint.objects.values_list("cursor", flat=True)
    )


def test_a_webhook_is_deleted_once_and_not_changed_afterwards(alice: Tenant) -> None:
    row, _ = builders.webhook(alice)
    deleting = partial(endpoints.delete, alice.agent_actor, row.pk, now=clock.now())
    wanted = [changes.Change(status=status) for status in ("PAUSED", "ACTIVE")]
    changing = [partial(changes.change, alice.agent_actor, row.pk, one, now=clock.now()) for one in wanted]
    acts: list[Act] = [deleting, *changing, deleting, deleting, *changing, deleting]
    results = race(acts)
    assert refusals(results) <= {"NOT_FOUND"}
    told = kinds(alice)
    assert (told.count("webhook.deleted"), told[-1]) == (1, "webhook.deleted")


def test_an_address_is_suppressed_once_and_removed_once_when_eight_ask_at_once(alice: Tenant) -> None:
    adding = partial(suppressions.add_by_hand, alice.agent_actor, "kim@friends.example", now=clock.now())
    results = race([adding] * THREADS)
    assert (len(winners(results)), refusals(results)) == (1, {"already_suppressed"})
    row = Suppression.objects.get()
    results = race([partial(suppressions.remove, alice.agent_actor, row.pk, now=clock.now())] * THREADS)
    assert (len(winners(results)), refusals(results)) == (1, {"NOT_FOUND"})
    assert kinds(alice) == ["suppression.added", "suppression.removed"]


def test_of_rotations_at_once_each_rotates_what_the_one_before_made(alice: Tenant) -> None:
    row, first = builders.webhook(alice)
    results = race([partial(rotation.rotate, alice.agent_actor, row.pk, now=clock.now())] * THREADS)
    made = [one[1] for one in winners(results) if isinstance(one, tuple)]
    assert len(set(made)) == THREADS
    row.refresh_from_db()
    live = endpoints.live_secrets(row, now=clock.now())
    assert len(set(live)) == 2
    assert set(live) < set(made)
    assert first not in live
    assert kinds(alice).count("webhook.secret_rotated") == THREADS


def test_pings_at_once_are_no_more_than_the_limit(alice: Tenant, settings: Settings) -> None:
    settings.WEBHOOK_PINGS_PER_MINUTE = 3
    row, _ = builders.webhook(alice)
    results = race([partial(pings.ping, alice.agent_actor, row.pk, now=clock.now())] * THREADS)
    assert (len(winners(results)), refusals(results)) == (3, {"too_many_pings"})
    assert WebhookDelivery.objects.count() == 3


@in_rounds
def test_redeliveries_meet_fan_out_claims_and_outcomes_and_nothing_is_lost_or_doubled(
    alice: Tenant, rounds: int
) -> None:
    row, _ = builders.webhook(alice, events=["suppression.removed"])
    for number in range(rounds):
        events.record(alice.account, "suppression.removed", subject=str(number), data={"n": number}, now=clock.now())
        again = partial(redelivery.redeliver_range, alice.agent_actor, row.pk, EVERYTHING, now=clock.now())
        given_up = partial(redelivery.redeliver_range, alice.agent_actor, row.pk, GIVEN_UP, now=clock.now())
        activate = partial(changes.change, alice.agent_actor, row.pk, ACTIVE, now=clock.now())
        race([again, given_up, fan_out, claim_and_record, claim_and_record, fan_out, again, activate])
        fan_out()
    happened = Event.objects.filter(account=alice.account, kind="suppression.removed").values_list("pk", flat=True)
    told = list(WebhookDelivery.objects.filter(endpoint=row).values_list("event_id", flat=True))
    assert sorted(told) == sorted(happened)
    while claim_and_record():
        pass
    rows = WebhookDelivery.objects.annotate(made=Count("tries"))
    assert [(one.status, one.made) for one in rows if one.made != one.attempts or one.status != "DELIVERED"] == []


def fan_out() -> None:
    fanout.fan_out(now=clock.now())


def claim_and_record() -> int:
    """Tell what is due, as if each were answered with 200."""
    claimed = claims.claim_due(free=10, for_failing=10, now=clock.now())
    now = clock.now()
    outcomes.record([telling.Outcome(one, now, now, status=200) for one in claimed], now=now)
    return len(claimed)
