"""The log of a webhook's deliveries: pages of it, and one with each attempt and what it says."""

from __future__ import annotations

from uuid import uuid4

import pytest

from mailboxes import clock, mailbox
from mailboxes.models import Event
from messaging.models import DeliveryStatus, WebhookDelivery
from tests import builders
from tests.api_client import Api
from tests.arrivals import arrive
from tests.builders import Tenant
from tests.letters import letter
from tests.messaging.told import happen
from tests.messaging.webhooks import alice as alice
from tests.messaging.webhooks import api as api
from tests.messaging.webhooks import fan_out
from tests.messaging.webhooks import other_box as other_box
from tests.messaging.webhooks import scoped as scoped

pytestmark = pytest.mark.django_db


def told(owner: Tenant, amount: int = 7) -> str:
    """A webhook's path with so many deliveries, of which every other one was given up."""
    row, _ = builders.webhook(owner, events=["suppression.removed"])
    happen(owner, amount)
    fan_out()
    chosen = list(WebhookDelivery.objects.filter(endpoint=row).order_by("event_seq").values_list("pk", flat=True))[::2]
    WebhookDelivery.objects.filter(pk__in=chosen).update(status=DeliveryStatus.FAILED, next_at=None)
    return f"/webhooks/{row.pk}/deliveries"


def test_pages_of_deliveries_hold_each_once_newest_first(alice: Tenant, api: Api) -> None:
    path = told(alice)
    pages = [api.get(path, limit=2).json]
    while pages[-1]["nextCursor"]:
        pages.append(api.get(path, limit=2, after=pages[-1]["nextCursor"]).json)
    found = [one for page in pages for one in page["deliveries"]]
    assert [len(page["deliveries"]) for page in pages] == [2, 2, 2, 1]
    newest = [str(pk) for pk in WebhookDelivery.objects.order_by("-created_at", "-pk").values_list("pk", flat=True)]
    assert [one["id"] for one in found] == newest
    assert found == api.get(path).json["deliveries"]


def test_deliveries_of_one_status_are_asked_for(alice: Tenant, api: Api) -> None:
    path = told(alice)
    failed, pending = (api.get(path, status=status).json["deliveries"] for status in ("FAILED", "PENDING"))
    assert ({one["status"] for one in failed}, len(failed)) == ({"FAILED"}, 4)
    assert ({one["status"] for one in pending}, len(pending)) == ({"PENDING"}, 3)
    page = api.get(path, status="FAILED", limit=3).json
    rest = api.get(path, status="FAILED", after=page["nextCursor"]).json
    assert page["deliveries"] + rest["deliveries"] == failed


@pytest.mark.parametrize(
    ("name", "value", "code"),
    [("status", "LOST", "invalid_field"), ("limit", "101", "invalid_field"), ("after", "x", "invalid_cursor")],
)
def test_a_page_that_can_not_be_is_refused(name: str, value: str, code: str, alice: Tenant, api: Api) -> None:
    answer = api.get(told(alice, 1), **{name: value})
    assert (answer.status, answer.code, answer.json["field"]) == (400, code, name)


def test_one_delivery_tells_each_attempt_with_its_timing(alice: Tenant, api: Api) -> None:
    row, _ = builders.webhook(alice)
    delivery = builders.webhook_delivery(row, tries=2)
    delivery.tries.create(number=3, started_at=clock.now(), duration_ms=15_000, code="timed_out")
    answer = api.get(f"/webhooks/{row.pk}/deliveries/{delivery.pk}").json["delivery"]
    assert [(one["number"], one["durationMs"], one["responseStatus"], one["code"]) for one in answer["tries"]] == [
        (1, 17, 500, ""),
        (2, 17, 500, ""),
        (3, 15_000, None, "timed_out"),
    ]
    [listed] = api.get(f"/webhooks/{row.pk}/deliveries").json["deliveries"]
    assert listed == {name: value for name, value in answer.items() if name not in ("tries", "payload")}


def test_one_delivery_says_what_it_would_say_now(alice: Tenant, api: Api) -> None:
    row, _ = builders.webhook(alice)
    arrive(alice.mailbox, letter(to=alice.mailbox.full_address, subject="Hello"))
    fan_out()
    delivery = WebhookDelivery.objects.get(endpoint=row)
    path = f"/webhooks/{row.pk}/deliveries/{delivery.pk}"
    payload = api.get(path).json["delivery"]["payload"]
    assert (payload["id"], payload["event"]) == (str(delivery.event_id), "message.received")
    assert payload["data"]["subject"] == "Hello"
    mailbox.delete(alice.mailbox, by="test", now=clock.now())
    assert "subject" not in api.get(path).json["delivery"]["payload"]["data"]


def test_what_would_not_be_told_any_more_has_no_payload(alice: Tenant, api: Api) -> None:
    row, _ = builders.webhook(alice)
    event = Event.objects.filter(account=alice.account, kind="account.created").get()
    delivery = builders.webhook_delivery(row)
    WebhookDelivery.objects.filter(pk=delivery.pk).update(event_id=event.pk, event_seq=event.seq)
    assert api.get(f"/webhooks/{row.pk}/deliveries/{delivery.pk}").json["delivery"]["payload"] is None


def test_a_delivery_is_found_by_its_webhook_and_whoever_may_see_that(alice: Tenant, api: Api, scoped: Api) -> None:
    row, other = builders.webhook(alice)[0], builders.webhook(alice)[0]
    delivery = builders.webhook_delivery(row)
    charlie = Api(builders.tenant("charlie").key_text)
    path = f"/webhooks/{row.pk}/deliveries/{delivery.pk}"
    assert api.get(path).status == 200
    for stranger, place in (
        (api, f"/webhooks/{other.pk}/deliveries/{delivery.pk}"),
        (api, f"/webhooks/{row.pk}/deliveries/{uuid4()}"),
        (api, f"/webhooks/{row.pk}/deliveries/nothing"),
        (scoped, path),
        (charlie, path),
    ):
        assert stranger.get(place).status == 404
        assert stranger.post(f"{place}/redeliver").status == 404
