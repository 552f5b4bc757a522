"""What may be asked of a webhook beyond the contract, and what is told of it: all names, tags, order, its line."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from mailboxes import clock
from messaging.events import catalog
from messaging.models import DeliveryStatus, WebhookDelivery, WebhookEndpoint
from messaging.webhooks import lines
from tests import builders
from tests.api_client import Api
from tests.builders import Tenant
from tests.messaging.webhooks import NEW, changed, made
from tests.messaging.webhooks import alice as alice
from tests.messaging.webhooks import api as api

pytestmark = pytest.mark.django_db


def test_a_webhook_takes_every_name_of_the_catalog(api: Api) -> None:
    names = list(catalog.KINDS)
    assert made(api, events=names)["events"] == names


def test_everything_is_one_name_that_stands_alone(api: Api) -> None:
    webhook = made(api, events=["*"])
    assert webhook["events"] == ["*"]
    assert changed(api, webhook, events=["message.sent"])["events"] == ["message.sent"]
    assert changed(api, webhook, events=["*"])["events"] == ["*"]
    answer = api.post("/webhooks", NEW | {"events": ["*", "message.sent"]})
    assert (answer.status, answer.code, answer.json["field"]) == (400, "invalid_field", "events")


@pytest.mark.parametrize(
    ("sent", "tags", "ordered"),
    [
        ({}, [], False),
        ({"tags": None, "ordered": False}, [], False),
        ({"tags": [], "ordered": True}, [], True),
        ({"tags": ["invoice", "grüße", "invoice"]}, ["invoice", "grüße"], False),
    ],
    ids=["absent", "null", "none", "twice"],
)
def test_tags_and_order_at_creation(sent: dict[str, Any], tags: list[str], ordered: bool, api: Api) -> None:
    webhook = made(api, **sent)
    assert (webhook["tags"], webhook["ordered"]) == (tags, ordered)


def test_tags_and_order_are_changed_and_cleared(api: Api) -> None:
    webhook = made(api, tags=["a"], ordered=True)
    assert changed(api, webhook, url=NEW["url"])["tags"] == ["a"]
    told = changed(api, webhook, tags=["b", "c"], ordered=False)
    assert (told["tags"], told["ordered"]) == (["b", "c"], False)
    assert changed(api, webhook, tags=None)["tags"] == []


@pytest.mark.parametrize(
    ("field", "value", "named"),
    [
        ("tags", ["x"] * 21, "tags"),
        ("tags", ["x" * 51], "tags[0]"),
        ("tags", [""], "tags[0]"),
        ("tags", [" x"], "tags[0]"),
        ("tags", ["a\nb"], "tags[0]"),
        ("tags", [1], "tags[0]"),
        ("tags", "x", "tags"),
        ("ordered", "true", "ordered"),
        ("ordered", 1, "ordered"),
        ("ordered", None, "ordered"),
    ],
)
def test_what_can_not_be_used_names_the_field(field: str, value: object, named: str, api: Api) -> None:
    webhook = made(api)
    for answer in (
        api.post("/webhooks", NEW | {field: value}),
        api.patch(f"/webhooks/{webhook['id']}", {field: value}),
    ):
        assert (answer.status, answer.json["field"]) == (400, named)


def test_a_webhook_tells_its_line(alice: Tenant, api: Api) -> None:
    plain, ordered = (builders.webhook(alice, is_ordered=is_ordered)[0] for is_ordered in (False, True))
    for row in (plain, ordered):
        WebhookEndpoint.objects.filter(pk=row.pk).update(failing_since=clock.now())
        first = builders.webhook_delivery(row)
        WebhookDelivery.objects.filter(pk=first.pk).update(created_at=clock.now() - timedelta(hours=3))
        api.patch(f"/webhooks/{row.pk}", {"tags": ["x"]})  # one more event
        builders.webhook_delivery(row)
    told = {one["id"]: one for one in api.get("/webhooks").json["webhooks"]}
    assert [told[str(row.pk)]["pendingCount"] for row in (plain, ordered)] == [2, 2]
    assert told[str(plain.pk)]["waitingSince"] is None
    assert told[str(ordered.pk)]["waitingSince"] < told[str(ordered.pk)]["failingSince"]
    assert api.get(f"/webhooks/{ordered.pk}").json["webhook"] == told[str(ordered.pk)]
    WebhookDelivery.objects.update(status=DeliveryStatus.DELIVERED, next_at=None)
    told = api.get(f"/webhooks/{ordered.pk}").json["webhook"]
    assert (told["pendingCount"], told["waitingSince"]) == (0, None)


def test_a_long_line_is_counted_to_a_limit(alice: Tenant, api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "MOST_COUNTED", 2)
    row, _ = builders.webhook(alice)
    for number in range(3):
        api.patch(f"/webhooks/{row.pk}", {"tags": [str(number)]})
        builders.webhook_delivery(row)
    assert api.get(f"/webhooks/{row.pk}").json["webhook"]["pendingCount"] == 2


def test_lines_of_many_webhooks_are_one_statement(alice: Tenant) -> None:
    rows = [builders.webhook(alice)[0] for _ in range(5)]
    with CaptureQueriesContext(connection) as caught:
        lines.of(rows)
    assert len(caught) <= 1
    assert lines.of([]) == {}


def test_activating_clears_the_failure_and_makes_all_that_waits_due(alice: Tenant, api: Api) -> None:
    row, _ = builders.webhook(alice)
    later = clock.now() + timedelta(hours=12)
    waiting = builders.webhook_delivery(row, tries=1)
    WebhookDelivery.objects.filter(pk=waiting.pk).update(next_at=later)
    WebhookEndpoint.objects.filter(pk=row.pk).update(status="FAILED", failure_count=10, failing_since=clock.now())
    told = changed(api, {"id": str(row.pk)}, status="ACTIVE")
    assert (told["status"], told["failureCount"], told["failingSince"]) == ("ACTIVE", 0, None)
    waiting.refresh_from_db()
    assert waiting.next_at is not None
    assert waiting.next_at <= clock.now()
    assert waiting.attempts_before == 0  # it goes on with its schedule


def test_the_secret_stays_when_the_url_moves_to_another_server(api: Api) -> None:
    webhook = made(api)
    before = WebhookEndpoint.objects.get(pk=webhook["id"])
    told = changed(api, webhook, url="https://elsewhere.example/")
    after = WebhookEndpoint.objects.get(pk=webhook["id"])
    assert bytes(before.secret) == bytes(after.secret)
    assert told["secretRotatedAt"] == webhook["secretRotatedAt"]
