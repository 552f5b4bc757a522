"""Webhooks over the API: what is shown of them to whom, what a change does, which hosts are refused (A46, A51, A53)."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from mailboxes import clock
from mailboxes.models import Event
from messaging.models import EndpointStatus, WebhookDelivery, WebhookEndpoint
from messaging.webhooks import endpoints, headers
from tests import builders
from tests.api_client import Answer, Api
from tests.builders import Tenant
from tests.fakes.turncoat_dns import turncoat
from tests.messaging.webhooks import MASKED, NEW, SECRETS, URL, changed, every_act, made
from tests.messaging.webhooks import alice as alice
from tests.messaging.webhooks import api as api
from tests.messaging.webhooks import other_box as other_box
from tests.messaging.webhooks import scoped as scoped

pytestmark = pytest.mark.django_db

# --- What is shown ---


def test_the_secret_and_the_headers_values_are_shown_once(api: Api) -> None:
    webhook = made(api, headers=SECRETS)
    assert webhook["headers"] == SECRETS
    assert len(webhook["secret"]) == 64
    assert (webhook["status"], webhook["failureCount"], webhook["lastTriggeredAt"]) == ("ACTIVE", 0, None)
    shown = api.get(f"/webhooks/{webhook['id']}").json["webhook"]
    assert shown == {name: value for name, value in webhook.items() if name != "secret"} | {"headers": MASKED}
    assert api.get("/webhooks").json == {"webhooks": [shown]}


def test_two_webhooks_have_different_secrets(api: Api) -> None:
    assert made(api)["secret"] != made(api)["secret"]


def test_neither_secret_nor_values_nor_url_stand_in_the_rows_and_the_log(alice: Tenant, api: Api) -> None:
    webhook = made(api, headers=SECRETS)
    changed(api, webhook, headers=SECRETS | {"X-More": "more-secret"}, url="https://hooks.example/other-path")
    api.delete(f"/webhooks/{webhook['id']}")
    told = [event.data + event.subject for event in Event.objects.filter(account=alice.account)]
    row, secret = builders.webhook(alice, headers=SECRETS)
    row.refresh_from_db()
    kept = str([bytes(row.secret), row.headers])
    assert endpoints.live_secrets(row, now=clock.now()) == (secret,)
    for text in (webhook["secret"], secret, "very-secret", "more-secret"):
        assert text not in kept
        assert text not in str(told)
    assert "hooks.example" not in str(told)


def test_the_log_tells_of_each_act_once(alice: Tenant, api: Api) -> None:
    webhook = made(api, mailboxId=str(alice.mailbox.pk))
    changed(api, webhook, status="PAUSED", events=["message.sent"])
    changed(api, webhook, status="PAUSED")  # nothing changes
    api.delete(f"/webhooks/{webhook['id']}")
    found = Event.objects.filter(account=alice.account, subject=webhook["id"]).order_by("seq")
    assert [event.kind for event in found] == ["webhook.created", "webhook.changed", "webhook.deleted"]
    assert {event.mailbox_id for event in found} == {alice.mailbox.pk}
    assert json.loads(found[1].data) == {
        "webhook_id": webhook["id"],
        "by": f"agent:{alice.agent.pk}",
        "changed": ["events", "status"],
    }


def test_nothing_older_than_the_webhook_is_ever_told(alice: Tenant, api: Api) -> None:
    webhook = made(api)
    event = Event.objects.get(account=alice.account, kind="webhook.created")
    assert WebhookEndpoint.objects.get(pk=webhook["id"]).cursor == event.seq


def test_the_list_is_oldest_first_and_costs_the_same_however_long(api: Api) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as caught:
            api.get("/webhooks")
        return len(caught)

    ids = [made(api)["id"]]
    few = queries()
    ids += [made(api, headers=SECRETS)["id"] for _ in range(9)]
    assert [one["id"] for one in api.get("/webhooks").json["webhooks"]] == ids
    assert queries() == few


# --- Null, absent, empty (the SDKs tell them apart) ---


@pytest.mark.parametrize(
    ("sent", "told"),
    [({}, None), ({"headers": None}, None), ({"headers": {}}, None), ({"headers": SECRETS}, SECRETS)],
    ids=["absent", "null", "empty", "given"],
)
def test_headers_at_creation(sent: dict[str, Any], told: dict[str, str] | None, api: Api) -> None:
    assert made(api, **sent)["headers"] == told


@pytest.mark.parametrize(
    ("sent", "told"),
    [
        ({"status": "PAUSED"}, SECRETS),
        ({"headers": None}, None),
        ({"headers": {}}, None),
        ({"headers": {"X-New": "1"}}, {"X-New": "1"}),
        ({}, SECRETS),
    ],
    ids=["absent", "null", "empty", "given", "nothing at all"],
)
def test_headers_in_a_change(sent: dict[str, Any], told: dict[str, str] | None, api: Api) -> None:
    webhook = made(api, headers=SECRETS)
    answer = changed(api, webhook, **sent)
    assert answer["headers"] == told
    assert "secret" not in answer
    row = WebhookEndpoint.objects.get(pk=webhook["id"])
    assert headers.unseal(row.headers) == (told or {})


@pytest.mark.parametrize("mailbox_id", ["absent", None])
def test_a_webhook_is_of_the_whole_account_when_no_mailbox_is_named(mailbox_id: str | None, api: Api) -> None:
    fields = {} if mailbox_id == "absent" else {"mailboxId": mailbox_id}
    assert made(api, **fields)["mailboxId"] is None


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"events": ["message.received"]}, "url"),
        ({"url": URL}, "events"),
        (NEW | {"url": None}, "url"),
        (NEW | {"url": ""}, "url"),
        (NEW | {"url": 17}, "url"),
        (NEW | {"url": "https://hooks.example/" + "x" * 2048}, "url"),
        (NEW | {"events": []}, "events"),
        (NEW | {"events": None}, "events"),
        (NEW | {"events": "message.received"}, "events"),
        (NEW | {"events": ["message.read"]}, "events[0]"),
        (NEW | {"events": ["message.sent"] * 201}, "events"),
        (NEW | {"headers": [["A", "b"]]}, "headers"),
        (NEW | {"headers": {"A": 1}}, "headers.A"),
        (NEW | {"headers": {"A": None}}, "headers.A"),
        (NEW | {"headers": {"Host": "x"}}, "headers.Host"),
        (NEW | {"headers": {"A": "x\r\ny"}}, "headers.A"),
        (NEW | {"secret": "mine"}, "secret"),
        (NEW | {"status": "PAUSED"}, "status"),
    ],
)
def test_a_request_that_can_not_be_used_names_the_field(body: dict[str, object], field: str, api: Api) -> None:
    answer = api.post("/webhooks", body)
    assert (answer.status, answer.json["field"]) == (400, field)
    assert not WebhookEndpoint.objects.exists()


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"url": None}, "url"),
        ({"events": None}, "events"),
        ({"events": []}, "events"),
        ({"status": None}, "status"),
        ({"status": "FAILED"}, "status"),
        ({"status": "active"}, "status"),
        ({"mailboxId": None}, "mailboxId"),
        ({"secret": "mine"}, "secret"),
        ({"headers": {"Authorization": "********"}}, "headers.Authorization"),
        ({"headers": {"TE": "x"}}, "headers.TE"),
    ],
)
def test_a_change_that_can_not_be_used_names_the_field_and_changes_nothing(
    body: dict[str, object], field: str, api: Api
) -> None:
    webhook = made(api, headers=SECRETS)
    before = WebhookEndpoint.objects.values().get(pk=webhook["id"])
    answer = api.patch(f"/webhooks/{webhook['id']}", body | {"url": URL + "/x"} if "url" not in body else body)
    assert (answer.status, answer.json["field"]) == (400, field)
    assert WebhookEndpoint.objects.values().get(pk=webhook["id"]) == before


def test_an_event_that_is_named_twice_is_told_once(api: Api) -> None:
    assert made(api, events=["message.sent", "message.bounced", "message.sent"])["events"] == [
        "message.sent",
        "message.bounced",
    ]


# --- Changing ---


@pytest.mark.parametrize("url", ["https://hooks.example/elsewhere", "https://HOOKS.example:443/mail?x=1"])
def test_headers_stay_when_the_url_changes_on_the_same_server(url: str, api: Api) -> None:
    assert changed(api, made(api, headers=SECRETS), url=url)["headers"] == SECRETS


@pytest.mark.parametrize(
    "url", ["https://evil.example/mail", "https://hooks.example:8443/mail", "https://x.hooks.example/"]
)
def test_headers_do_not_go_along_to_another_server(url: str, api: Api) -> None:
    webhook = changed(api, made(api, headers=SECRETS), url=url)
    assert (webhook["url"], webhook["headers"]) == (url, None)
    assert WebhookEndpoint.objects.get(pk=webhook["id"]).headers == {}


def test_headers_go_to_another_server_when_they_are_sent_again(api: Api) -> None:
    webhook = changed(api, made(api, headers=SECRETS), url="https://new.example/", headers=SECRETS)
    assert webhook["headers"] == SECRETS


def test_activating_ends_a_failure_and_clears_the_count(api: Api) -> None:
    webhook = made(api)
    rows = WebhookEndpoint.objects.filter(pk=webhook["id"])
    rows.update(status=EndpointStatus.FAILED, failure_count=10)
    assert changed(api, webhook, events=["message.sent"])["status"] == "FAILED"
    assert changed(api, webhook, status="PAUSED")["failureCount"] == 10
    told = changed(api, webhook, status="ACTIVE")
    assert (told["status"], told["failureCount"]) == ("ACTIVE", 0)
    rows.update(failure_count=3)
    assert changed(api, webhook, status="ACTIVE")["failureCount"] == 0


def test_updated_at_moves_when_something_changes_and_not_otherwise(api: Api) -> None:
    webhook = made(api)
    assert changed(api, webhook, status="ACTIVE")["updatedAt"] == webhook["updatedAt"]
    assert changed(api, webhook, status="PAUSED")["updatedAt"] > webhook["updatedAt"]


def test_what_is_deleted_is_gone_with_its_deliveries(alice: Tenant, api: Api) -> None:
    row, _ = builders.webhook(alice)
    builders.webhook_delivery(row)
    assert api.delete(f"/webhooks/{row.pk}").json == {"deleted": True}
    assert not WebhookDelivery.objects.exists()
    for answer in every_act(api, row.pk):
        assert answer.status == 404


# --- Where to ---


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("http://hooks.example/", "bad_scheme"),
        ("ftp://hooks.example/", "bad_scheme"),
        ("hooks.example", "bad_url"),
        ("https://user:pw@hooks.example/", "bad_url"),
        ("https://hooks.example\\@127.0.0.1/", "bad_url"),
        ("https://127.1/", "bad_url"),
        ("https://0x7f000001/", "bad_url"),
        ("https://127。0。0。1/", "bad_url"),
        ("https://127.0.0.1/", "blocked_address"),
        ("https://[::ffff:127.0.0.1]/", "blocked_address"),
        ("https://169.254.169.254/", "blocked_address"),
        ("https://localhost/", "blocked_host"),
        ("https://db.internal/", "blocked_host"),
        ("https://hooks.example:22/", "bad_port"),
    ],
)
@pytest.mark.parametrize("act", ["create", "change"])
def test_a_url_that_leads_inside_is_refused(act: str, url: str, reason: str, api: Api) -> None:
    webhook = made(api, headers=SECRETS)
    acts: dict[str, Callable[[], Answer]] = {
        "create": lambda: api.post("/webhooks", NEW | {"url": url}),
        "change": lambda: api.patch(f"/webhooks/{webhook['id']}", {"url": url}),
    }
    answer = acts[act]()
    assert (answer.status, answer.code, answer.json["reason"], answer.json["field"]) == (
        400,
        "url_refused",
        reason,
        "url",
    )
    [row] = WebhookEndpoint.objects.all()
    assert (row.url, headers.unseal(row.headers)) == (URL, SECRETS)


def test_a_host_is_refused_when_its_name_leads_inside_and_accepted_when_nobody_knows_it(
    api: Api, settings: Settings
) -> None:
    with turncoat({"inside.example": [["A 10.0.0.1"]]}) as dns:
        settings.DNS_RESOLVERS = [dns.address]
        refused = api.post("/webhooks", NEW | {"url": "https://inside.example/"})
        assert (refused.code, refused.json["reason"]) == ("url_refused", "blocked_address")
        made(api, url="https://not-yet.example/")


def test_the_operators_own_hosts_are_told_when_the_setting_names_them(api: Api, settings: Settings) -> None:
    settings.ALLOWED_PRIVATE_HOSTS = ["10.1.0.0/16"]  # is of attachments by URL alone
    settings.WEBHOOK_ALLOW = ["localhost:5678", "10.1.2.3:80"]
    made(api, url="http://localhost:5678/hook")
    made(api, url="http://10.1.2.3/hook")
    for url in ("http://hooks.example/", "https://localhost/", "http://localhost:5679/", "https://10.1.2.4/"):
        assert api.post("/webhooks", NEW | {"url": url}).code == "url_refused"


# --- Deliveries ---


def test_deliveries_are_the_twenty_newest_without_bodies(alice: Tenant, api: Api) -> None:
    row, _ = builders.webhook(alice)
    assert api.get(f"/webhooks/{row.pk}/deliveries").json == {"deliveries": [], "nextCursor": None}
    made_ids = []
    for number in range(21):
        api.patch(f"/webhooks/{row.pk}", {"events": ["message.sent", "message.received"][: 1 + number % 2]})
        made_ids.append(str(builders.webhook_delivery(row).pk))
    told = api.get(f"/webhooks/{row.pk}/deliveries").json["deliveries"]
    assert [one["id"] for one in told] == made_ids[:0:-1]
    contract = {"id", "event", "responseStatus", "status", "attempts", "nextRetryAt", "createdAt"}
    assert set(told[0]) == contract | {"eventId", "code", "attemptedAt"}
    assert (told[0]["status"], told[0]["attempts"], told[0]["nextRetryAt"]) == ("PENDING", 0, None)


def test_a_delivery_that_goes_again_says_when(alice: Tenant, api: Api) -> None:
    row, _ = builders.webhook(alice)
    delivery = builders.webhook_delivery(row)
    WebhookDelivery.objects.filter(pk=delivery.pk).update(attempts=1, response_status=500)
    [told] = api.get(f"/webhooks/{row.pk}/deliveries").json["deliveries"]
    assert told["responseStatus"] == 500
    assert told["nextRetryAt"] is not None
