"""Pings, rotations and redeliveries as the receiver hears them, over real sockets (I17, A50)."""

from __future__ import annotations

import hashlib
import hmac
import json
from datetime import timedelta

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from mailboxes import clock as clock_of_the_house
from mailboxes.models import Event
from messaging.models import DeliveryStatus, WebhookDelivery, WebhookEndpoint
from messaging.webhooks import claims, endpoints, outcomes
from messaging.webhooks.teller import Teller
from messaging.webhooks.telling import Outcome
from tests import builders
from tests.api_client import Api
from tests.builders import Tenant
from tests.conftest import Clock
from tests.postman import mails_to

from .told import Receiver, happen, ids, receiver, settle, webhook
from .webhooks import fan_out

pytestmark = pytest.mark.django_db


@pytest.fixture
def alice() -> Tenant:
    return builders.tenant()


@pytest.fixture
def api(alice: Tenant) -> Api:
    return Api(alice.key_text)


@pytest.fixture
def teller() -> Teller:
    return Teller()


def heard(shop: Receiver) -> list[tuple[dict[str, str], bytes]]:
    """Headers, by their names in lower case, and body of each request."""
    told = []
    for request in shop.web.requests:
        head, _, body = request.partition(b"\r\n\r\n")
        pairs = (line.partition(": ") for line in head.decode().split("\r\n")[1:])
        told.append(({name.lower(): value for name, _, value in pairs}, body))
    return told


def by_library(secret: str, one: tuple[dict[str, str], bytes]) -> bool:
    try:
        Webhook(secret).verify(one[1], one[0])
    except WebhookVerificationError:
        return False
    return True


def by_contract(secret: str, one: tuple[dict[str, str], bytes]) -> bool:
    return one[0]["x-robotomail-signature"] == hmac.new(secret.encode(), one[1], hashlib.sha256).hexdigest()


def post(api: Api, endpoint: WebhookEndpoint, act: str, **asked: object) -> dict[str, object]:
    answer = api.post(f"/webhooks/{endpoint.pk}/{act}", asked)
    assert answer.status in (200, 202), answer.json
    told: dict[str, object] = answer.json
    return told


def test_a_ping_is_heard_by_its_webhook_alone(alice: Tenant, api: Api, teller: Teller) -> None:
    with receiver() as shop, receiver() as other:
        endpoint = webhook(alice, shop, "message.sent")
        webhook(alice, other)
        settle(teller)
        before = len(other.bodies)
        delivery = post(api, endpoint, "ping")["delivery"]
        settle(teller)
    [body] = shop.bodies
    assert (body["event"], body["data"]["webhook_id"]) == ("webhook.pinged", str(endpoint.pk))
    assert heard(shop)[0][0]["x-robotomail-delivery-id"] == delivery["id"]  # type: ignore[index]
    assert [one["event"] for one in other.bodies[before:]] == []
    assert WebhookDelivery.objects.get(endpoint=endpoint).status == DeliveryStatus.DELIVERED


def test_during_a_rotation_receivers_with_either_secret_verify_and_afterwards_only_the_new_one(
    alice: Tenant, api: Api, teller: Teller
) -> None:
    with receiver(statuses=["500 No"]) as shop:
        endpoint = webhook(alice, shop, "suppression.removed")
        [old] = endpoints.live_secrets(endpoint, now=endpoint.created_at)
        new = str(post(api, endpoint, "rotate-secret")["secret"])
        happen(alice)
        settle(teller)
        WebhookDelivery.objects.update(next_at=endpoint.created_at)
        settle(teller)
        first, second = heard(shop)
        post(api, endpoint, "rotate-secret", overlapHours=0)
        happen(alice)
        settle(teller)
        third = heard(shop)[-1]
    assert [by_library(secret, one) for one in (first, second) for secret in (new, old)] == [True] * 4
    assert [by_contract(new, one) for one in (first, second)] == [True, False]
    assert [by_contract(old, one) for one in (first, second)] == [False, True]
    assert not any(verify(secret, third) for secret in (new, old) for verify in (by_library, by_contract))
    for name in ("webhook-id", "x-robotomail-delivery-id"):
        assert first[0][name] == second[0][name]


def test_what_was_delivered_is_heard_once_more_under_the_same_ids(alice: Tenant, api: Api, teller: Teller) -> None:
    with receiver() as shop:
        endpoint = webhook(alice, shop, "suppression.removed")
        happened = happen(alice, 3)
        settle(teller)
        assert post(api, endpoint, "redeliver", status="ALL", after=str(happened[0].pk))["count"] == 2
        settle(teller)
    assert sorted(shop.ids) == sorted([*ids(happened), *ids(happened[1:])])
    deliveries = {(told["webhook-id"], told["x-robotomail-delivery-id"]) for told, _ in heard(shop)}
    assert len(deliveries) == 3
    assert set(WebhookDelivery.objects.filter(endpoint=endpoint).values_list("status", flat=True)) == {"DELIVERED"}


def test_what_is_from_before_the_webhook_is_heard_when_it_is_asked_for(alice: Tenant, api: Api, teller: Teller) -> None:
    happened = happen(alice, 3)
    with receiver() as shop:
        endpoint = webhook(alice, shop, "suppression.removed", is_ordered=True)
        settle(teller)
        assert shop.ids == []
        post(api, endpoint, "redeliver", status="ALL")
        settle(teller)
    assert shop.ids == ids(happened)


def test_a_delivery_that_was_given_up_has_the_whole_schedule_again(
    alice: Tenant, api: Api, teller: Teller, clock: Clock
) -> None:
    with receiver(status="500 No") as shop:
        endpoint = webhook(alice, shop, "suppression.removed")
        happen(alice)
        for _ in range(6):
            settle(teller)
            clock.advance(days=1)
        row = WebhookDelivery.objects.get(endpoint=endpoint)
        assert (row.status, row.attempts) == (DeliveryStatus.FAILED, 6)
        asked_at = clock.now()
        clock.set(asked_at)
        assert api.post(f"/webhooks/{endpoint.pk}/deliveries/{row.pk}/redeliver").status == 202
        settle(teller)
        row.refresh_from_db()
        assert (row.status, row.attempts, len(shop.ids)) == (DeliveryStatus.PENDING, 7, 7)
        assert row.next_at is not None
        assert timedelta(0) < row.next_at - asked_at <= timedelta(minutes=1, seconds=5)
    told = api.get(f"/webhooks/{endpoint.pk}/deliveries/{row.pk}").json["delivery"]
    assert [one["number"] for one in told["tries"]] == list(range(1, 8))


@pytest.mark.parametrize("status", [200, 500])
def test_what_is_on_its_way_is_told_once_more_whatever_comes_of_it(
    status: int, alice: Tenant, api: Api, teller: Teller
) -> None:
    with receiver() as shop:
        endpoint = webhook(alice, shop, "suppression.removed")
        [event] = happen(alice)
        fan_out()
        now = clock_of_the_house.now()
        claimed = claims.claim_due(free=5, for_failing=5, now=now)
        path = f"/webhooks/{endpoint.pk}/deliveries/{claimed[0].delivery_id}/redeliver"
        assert api.post(path).status == 202
        outcomes.record([Outcome(one, now, now, status=status) for one in claimed], now=now)  # too late
        settle(teller)
    assert shop.ids == [str(event.pk)]
    row = WebhookDelivery.objects.get(endpoint=endpoint)
    assert (row.status, row.attempts, row.tries.count()) == (DeliveryStatus.DELIVERED, 1, 1)


def test_ten_failures_in_a_row_are_told_to_the_owner_by_mail(alice: Tenant, teller: Teller, clock: Clock) -> None:
    with receiver(status="503 Away") as shop:
        endpoint = webhook(alice, shop, "suppression.removed")
        happen(alice, 10)
        for _ in range(12):
            settle(teller)
            clock.advance(seconds=90)
    endpoint.refresh_from_db()
    assert endpoint.status == "FAILED"
    event = Event.objects.get(account=alice.account, kind="webhook.failed")
    assert json.loads(event.data)["response_status"] == 503
    [mail] = mails_to(alice.owner.user.email, subject__contains="has failed")
    assert "127.0.0.1" in mail.body_text
    assert "status 503" in mail.body_text
