"""From the log into rows: who is told of which event."""

from __future__ import annotations

import pytest
from pytest_django import Settings

from mailboxes import clock as platform_clock
from mailboxes import departure, events, mailbox
from mailboxes.models import Event, Mailbox
from mailboxes.modes import OversightMode
from messaging.models import WebhookEndpoint
from messaging.webhooks import claims, fanout
from tests import builders
from tests.api_client import Api
from tests.arrivals import arrive
from tests.builders import Tenant
from tests.conftest import Clock
from tests.letters import letter

from .told import happen, webhook_to

pytestmark = pytest.mark.django_db


@pytest.fixture
def alice() -> Tenant:
    return builders.tenant(mode=OversightMode.MONITORED)


@pytest.fixture
def other_box(alice: Tenant) -> Mailbox:
    made = Api(alice.key_text).post("/mailboxes", {"address": "other"}).json["mailbox"]
    return Mailbox.objects.get(pk=made["id"])


def fan_out() -> None:
    while fanout.fan_out(now=platform_clock.now()):
        pass


def told(endpoint: WebhookEndpoint) -> list[str]:
    """The kinds of events that the endpoint is to be told, in the order of the log."""
    fan_out()
    return list(endpoint.deliveries.order_by("event_seq").values_list("event", flat=True))


def test_an_endpoint_is_told_the_kinds_that_it_asked_for(alice: Tenant) -> None:
    one = webhook_to(alice, "suppression.removed")
    all_kinds = webhook_to(alice, "*")
    happen(alice, 2)
    happen(alice, 1, kind="suppression.added")
    assert told(one) == ["suppression.removed"] * 2
    assert told(all_kinds) == ["suppression.removed", "suppression.removed", "suppression.added"]


def test_nobody_is_told_what_agents_are_not_told_nor_anothers_ping(alice: Tenant) -> None:
    endpoint = webhook_to(alice, "*")
    for kind in ("member.added", "platform.sending_halted", "billing.paid", "webhook.pinged", "no.such_kind"):
        happen(alice, 1, kind=kind)
    assert told(endpoint) == []
    endpoint.refresh_from_db()
    assert endpoint.cursor == Event.objects.filter(account=alice.account).count()


def test_an_endpoint_of_a_mailbox_is_told_of_that_mailbox_only(alice: Tenant, other_box: Mailbox) -> None:
    endpoint = webhook_to(alice, "*", box=alice.mailbox)
    happen(alice)
    happen(alice, mailbox_id=other_box.pk)
    assert told(endpoint) == []
    happen(alice, mailbox_id=alice.mailbox.pk)
    assert told(endpoint) == ["suppression.removed"]


def test_an_endpoint_with_tags_is_told_of_messages_with_one_of_them(alice: Tenant) -> None:
    endpoint = webhook_to(alice, "*", tags=["billing", "urgent"])
    builders.submit(alice, tags=("billing", "first"))
    builders.submit(alice, tags=("first",))
    builders.submit(alice)
    happen(alice)
    assert told(endpoint) == ["message.queued"]


def test_an_endpoint_with_tags_is_told_of_answers_to_such_messages(alice: Tenant) -> None:
    endpoint = webhook_to(alice, "message.received", tags=["billing"])
    asked = builders.submit(alice, tags=("billing",))
    untagged = builders.submit(alice)
    for answered in (asked, untagged):
        arrive(alice.mailbox, letter(f"In-Reply-To: {answered.message_id}", to=alice.mailbox.full_address))
    assert told(endpoint) == ["message.received"]


def test_of_arrived_mail_nothing_is_told_but_that_it_came(alice: Tenant) -> None:
    endpoint = webhook_to(alice, "*")
    mail = arrive(alice.mailbox)
    of_it = {"message_id": str(mail.pk), "review_id": "r", "version": 1}
    events.record(alice.account, "review.opened", subject="r", data=of_it, now=platform_clock.now())
    events.record(alice.account, "message.held", subject=str(mail.pk), data=of_it, now=platform_clock.now())
    assert told(endpoint) == ["message.received"]


def test_a_stranger_is_told_nothing(alice: Tenant) -> None:
    charlie = webhook_to(builders.tenant("charlie"), "*")
    happen(alice)
    assert told(charlie) == []


@pytest.mark.parametrize("status", ["PAUSED", "FAILED"])
def test_the_cursor_of_an_endpoint_that_is_not_active_stays(alice: Tenant, status: str) -> None:
    endpoint = webhook_to(alice, "*", status=status)
    happen(alice)
    before = endpoint.cursor
    assert told(endpoint) == []
    endpoint.refresh_from_db()
    assert endpoint.cursor == before


def test_nothing_is_told_of_a_deleted_mailbox_or_account(alice: Tenant, other_box: Mailbox) -> None:
    of_box, of_account = webhook_to(alice, "*", box=other_box), webhook_to(alice, "*")
    mailbox.delete(other_box, by="test", now=platform_clock.now())
    assert told(of_box) == []
    assert told(of_account) == ["mailbox.deleted"]
    departure.depart(alice.account, by="test", now=platform_clock.now())
    assert told(of_account) == ["mailbox.deleted"]
    assert claims.claim_due(free=32, for_failing=16, now=platform_clock.now()) == []


def test_a_long_log_is_told_in_rounds_each_event_once(alice: Tenant) -> None:
    endpoint = webhook_to(alice, "*")
    happened = happen(alice, 25)
    rounds = 1
    while fanout.fan_out(now=platform_clock.now(), most=10):
        rounds += 1
    assert rounds == 3
    rows = endpoint.deliveries.order_by("event_seq")
    assert list(rows.values_list("event_id", flat=True)) == [one.pk for one in happened]


def test_a_cursor_that_was_moved_back_makes_no_second_delivery(alice: Tenant) -> None:
    endpoint = webhook_to(alice, "*")
    happen(alice, 3)
    assert len(told(endpoint)) == 3
    WebhookEndpoint.objects.update(cursor=endpoint.cursor)
    assert len(told(endpoint)) == 3


def test_who_was_away_longer_than_events_are_kept_is_told_the_rest_and_that_some_are_missing(
    alice: Tenant, clock: Clock, settings: Settings
) -> None:
    settings.EVENT_RETENTION_DAYS = 30
    endpoint = webhook_to(alice, "suppression.removed", "suppression.added", status="PAUSED")
    lost = happen(alice, 5)
    clock.advance(days=31)
    happen(alice, 2, kind="suppression.added")
    WebhookEndpoint.objects.update(status="ACTIVE")
    assert told(endpoint) == ["suppression.added"] * 2
    (said,) = Event.objects.filter(account=alice.account, kind="webhook.skipped")
    assert said.subject == str(endpoint.pk)
    assert f'"after":{endpoint.cursor}' in said.data
    assert f'"up_to":{lost[-1].seq}' in said.data


def test_who_was_away_until_all_was_too_old_is_told_what_happens_from_now_on(alice: Tenant, clock: Clock) -> None:
    endpoint = webhook_to(alice, "suppression.removed", status="PAUSED")
    happen(alice, 5)
    clock.advance(days=31)
    WebhookEndpoint.objects.update(status="ACTIVE")
    assert told(endpoint) == []
    happen(alice)
    assert told(endpoint) == ["suppression.removed"]
    assert Event.objects.filter(kind="webhook.skipped").count() == 1


def test_the_newest_delivery_first_is_the_order_of_the_log_backwards(alice: Tenant, clock: Clock) -> None:
    endpoint = webhook_to(alice, "*")
    for _ in range(5):
        happen(alice)
        clock.advance(seconds=0.01)
        fan_out()
    newest = list(endpoint.deliveries.order_by("-created_at", "-pk").values_list("event_seq", flat=True))
    assert newest == sorted(newest, reverse=True)
