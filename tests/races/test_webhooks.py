"""Eight at once at an account's webhooks and suppressions."""

from __future__ import annotations

from functools import partial

import pytest
from pytest_django import Settings

from mailboxes import clock
from mailboxes.models import Event
from messaging.models import Suppression, WebhookEndpoint
from messaging.recipients import suppressions
from messaging.webhooks import changes, endpoints
from tests import builders
from tests.builders import Tenant
from tests.races.harness import THREADS, Act, race, refusals, winners

pytestmark = [pytest.mark.race, pytest.mark.django_db(transaction=True)]


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
    events = Event.objects.filter(account=alice.account, kind="webhook.created")
    assert sorted(events.values_list("seq", flat=True)) == sorted(
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
