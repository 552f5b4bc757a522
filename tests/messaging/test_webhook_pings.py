"""A test delivery: for this webhook alone, whatever it is subscribed to, and not too often."""

from __future__ import annotations

from datetime import timedelta

import pytest
from pytest_django import Settings

from mailboxes import clock as platform_clock
from mailboxes import suspensions
from mailboxes.models import Event
from messaging.models import WebhookDelivery, WebhookEndpoint
from tests import builders
from tests.api_client import Api
from tests.builders import Tenant
from tests.conftest import Clock
from tests.messaging.webhooks import alice as alice
from tests.messaging.webhooks import api as api
from tests.messaging.webhooks import changed, fan_out, made
from tests.messaging.webhooks import scoped as scoped

pytestmark = pytest.mark.django_db


def test_a_ping_is_a_delivery_for_this_webhook_alone(alice: Tenant, api: Api) -> None:
    webhook, other = made(api, events=["message.sent"], tags=["x"]), made(api, events=["*"])
    answer = api.post(f"/webhooks/{webhook['id']}/ping")
    assert answer.status == 202
    told = answer.json["delivery"]
    assert (told["event"], told["status"], told["attempts"]) == ("webhook.pinged", "PENDING", 0)
    event = Event.objects.get(account=alice.account, kind="webhook.pinged")
    assert (told["eventId"], event.subject) == (str(event.pk), webhook["id"])
    fan_out()
    [row] = WebhookDelivery.objects.filter(event="webhook.pinged")
    assert (str(row.endpoint_id), row.event_id) == (webhook["id"], event.pk)
    assert WebhookDelivery.objects.filter(endpoint=other["id"]).exists() is False


@pytest.mark.parametrize("status", ["PAUSED", "FAILED"])
def test_a_webhook_that_is_told_nothing_is_not_pinged_either(status: str, api: Api) -> None:
    webhook = made(api)
    WebhookEndpoint.objects.filter(pk=webhook["id"]).update(status=status)
    answer = api.post(f"/webhooks/{webhook['id']}/ping")
    assert (answer.status, answer.code) == (409, "webhook_not_active")
    assert status in answer.json["error"]
    assert "ACTIVE" in answer.json["fix"]
    assert not WebhookDelivery.objects.exists()
    changed(api, webhook, status="ACTIVE")
    assert api.post(f"/webhooks/{webhook['id']}/ping").status == 202


def test_pings_are_limited_by_the_minute_for_each_webhook(api: Api, settings: Settings, clock: Clock) -> None:
    settings.WEBHOOK_PINGS_PER_MINUTE = 2
    clock.set(platform_clock.now())
    webhook, other = made(api), made(api)
    path = f"/webhooks/{webhook['id']}/ping"
    assert [api.post(path).status for _ in range(3)] == [202, 202, 429]
    answer = api.post(path)
    assert (answer.code, answer.headers["Retry-After"]) == ("too_many_pings", "61")
    assert api.post(f"/webhooks/{other['id']}/ping").status == 202
    clock.set(platform_clock.now() + timedelta(seconds=61))
    assert api.post(path).status == 202
    settings.WEBHOOK_PINGS_PER_MINUTE = 0
    assert api.post(path).status == 202


def test_a_repeated_request_pings_once(api: Api) -> None:
    webhook = made(api)
    first, second = (api.post(f"/webhooks/{webhook['id']}/ping", Idempotency_Key="one") for _ in range(2))
    assert first.json == second.json
    assert WebhookDelivery.objects.count() == 1


def test_whose_webhook_it_is_pings_and_nobody_else(alice: Tenant, api: Api, scoped: Api) -> None:
    of_account, of_box = made(api), made(api, mailboxId=str(alice.mailbox.pk))
    assert scoped.post(f"/webhooks/{of_box['id']}/ping").status == 202
    charlie = Api(builders.tenant("charlie").key_text)
    assert scoped.post(f"/webhooks/{of_account['id']}/ping").status == 404
    assert charlie.post(f"/webhooks/{of_box['id']}/ping").status == 404
    rhea = Api(builders.decide_key(builders.member(alice.account)))
    assert rhea.post(f"/webhooks/{of_account['id']}/ping").code == "missing_scope"
    suspensions.suspend(alice.account, reason="bounce_rate_exceeded", by="test", now=platform_clock.now())
    assert api.post(f"/webhooks/{of_account['id']}/ping").code == "account_suspended"
