"""Webhooks are told: what happened, once it was taken; and again, as long as it was not (I17)."""

from __future__ import annotations

import time
from datetime import timedelta

import pytest
from pytest_django import Settings
from standardwebhooks import Webhook

from mailboxes import clock as platform_clock
from mailboxes.models import Event
from messaging.models import DeliveryStatus, EndpointStatus, WebhookAttempt, WebhookDelivery, WebhookEndpoint
from messaging.webhooks import claims, endpoints, fanout
from messaging.webhooks.teller import Teller
from tests import builders
from tests.api_client import Api
from tests.builders import Tenant
from tests.conftest import Clock

from .told import happen, ids, receiver, settle, webhook, webhook_to

pytestmark = pytest.mark.django_db

PAUSES = [timedelta(minutes=minutes) for minutes in (1, 5, 30, 120, 720)]


@pytest.fixture
def alice() -> Tenant:
    return builders.tenant()


@pytest.fixture
def teller() -> Teller:
    return Teller()


def delivery(of: WebhookEndpoint) -> WebhookDelivery:
    return WebhookDelivery.objects.get(endpoint=of)


def set_status(owner: Tenant, endpoint: WebhookEndpoint, status: str) -> None:
    assert Api(owner.key_text).patch(f"/webhooks/{endpoint.pk}", {"status": status}).status == 200


def test_what_happened_is_told_once_when_it_is_taken(alice: Tenant, teller: Teller) -> None:
    with receiver() as shop:
        endpoint = webhook(alice, shop)
        happened = happen(alice, 3)
        settle(teller)
        settle(teller)
    assert sorted(shop.ids) == sorted(ids(happened))
    rows = WebhookDelivery.objects.filter(endpoint=endpoint)
    assert {(one.status, one.attempts, one.response_status, one.leased_until) for one in rows} == {
        (DeliveryStatus.DELIVERED, 1, 200, None)
    }
    assert {(one.number, one.response_status, one.code) for one in WebhookAttempt.objects.all()} == {(1, 200, "")}
    endpoint.refresh_from_db()
    assert endpoint.last_triggered_at is not None
    assert (endpoint.failure_count, endpoint.cursor) == (0, happened[-1].seq)


def test_a_delivery_bears_its_ids_the_owners_headers_and_signatures_that_verify(alice: Tenant, teller: Teller) -> None:
    with receiver() as shop:
        asked = endpoints.NewEndpoint(endpoints.check_url(shop.url), ["*"], None, {"X-Team": "blue"})
        endpoint, secret = endpoints.create(alice.agent_actor, asked, now=platform_clock.now())
        (event,) = happen(alice)
        settle(teller)
    head = dict(line.split(": ", 1) for line in shop.web.head.split("\r\n")[1:])
    assert head["webhook-id"] == str(event.pk)
    assert head["X-Robotomail-Delivery-Id"] == str(delivery(endpoint).pk)
    assert head["X-Team"] == "blue"
    Webhook(secret).verify(shop.web.body, head)


def test_what_is_not_taken_goes_again_after_the_schedules_pauses_with_the_same_ids_and_a_fresh_time(
    alice: Tenant, teller: Teller, clock: Clock
) -> None:
    with receiver(status="500 No") as shop:
        endpoint = webhook(alice, shop)
        happen(alice)
        settle(teller)
        for number, pause in enumerate(PAUSES, 1):
            row = delivery(endpoint)
            assert (row.status, row.attempts, len(shop.web.requests)) == (DeliveryStatus.PENDING, number, number)
            tried = WebhookAttempt.objects.get(number=number)
            ended_at = tried.started_at + timedelta(milliseconds=tried.duration_ms)
            assert row.next_retry_at is not None
            assert abs(row.next_retry_at - ended_at - pause) < timedelta(milliseconds=2)
            clock.set(row.next_retry_at - timedelta(seconds=1))
            settle(teller)
            assert len(shop.web.requests) == number
            clock.set(row.next_retry_at)
            settle(teller)
        settle(teller)
    row = delivery(endpoint)
    assert (row.status, row.attempts, row.next_retry_at, row.response_status) == (DeliveryStatus.FAILED, 6, None, 500)
    assert len(set(shop.ids)) == 1
    heads = [one.partition(b"\r\n\r\n")[0] for one in shop.web.requests]
    said = [dict(line.split(b": ", 1) for line in head.split(b"\r\n")[1:]) for head in heads]
    assert len({one[b"X-Robotomail-Delivery-Id"] for one in said}) == 1
    times = [int(one[b"webhook-timestamp"]) for one in said]
    assert times == sorted(set(times))
    endpoint.refresh_from_db()
    assert (endpoint.failure_count, endpoint.status) == (6, EndpointStatus.ACTIVE)
    assert endpoint.failing_since == WebhookAttempt.objects.get(number=1).started_at


def test_what_was_given_up_comes_back_once_when_the_receiver_answers_again(
    alice: Tenant, teller: Teller, clock: Clock
) -> None:
    with receiver(status="500 No") as shop:
        endpoint = webhook(alice, shop)
        (given_up,) = happen(alice)
        settle(teller)
        for _ in PAUSES:
            clock.advance(days=0.6)
            settle(teller)
        assert delivery(endpoint).status == DeliveryStatus.FAILED
        shop.status = "204 Fine"
        (later,) = happen(alice)
        settle(teller)
    assert shop.ids[-2:] == [str(later.pk), str(given_up.pk)]
    rows = WebhookDelivery.objects.filter(endpoint=endpoint)
    assert set(rows.values_list("status", "attempts", "attempts_before")) == {("DELIVERED", 7, 6), ("DELIVERED", 1, 0)}
    endpoint.refresh_from_db()
    assert (endpoint.failure_count, endpoint.failing_since) == (0, None)


def test_an_event_that_alone_is_refused_is_given_up_for_good_the_second_time(
    alice: Tenant, teller: Teller, clock: Clock, settings: Settings
) -> None:
    settings.WEBHOOK_AT_ONCE = 1  # so that the receiver knows which one it answers
    with receiver(refuses="suppression.removed") as shop:
        endpoint = webhook(alice, shop)
        happen(alice)
        for _ in range(14):
            settle(teller)
            happen(alice, kind="suppression.added")
            settle(teller)
            clock.advance(days=0.6)
    poison = WebhookDelivery.objects.get(endpoint=endpoint, event="suppression.removed")
    assert (poison.status, poison.attempts, poison.attempts_before) == (DeliveryStatus.FAILED, 12, 6)
    assert not WebhookDelivery.objects.exclude(pk=poison.pk).exclude(status=DeliveryStatus.DELIVERED).exists()


def test_ten_failures_in_a_row_end_the_endpoint_and_are_told(alice: Tenant, teller: Teller, clock: Clock) -> None:
    with receiver(status="500 No") as shop:
        endpoint = webhook(alice, shop)
        happen(alice, 12)
        settle(teller)
        assert 10 <= len(shop.web.requests) <= 13
        endpoint.refresh_from_db()
        assert endpoint.status == EndpointStatus.FAILED
        clock.advance(days=1)
        happen(alice)
        told = len(shop.web.requests)
        settle(teller)
        assert len(shop.web.requests) == told
    (event,) = Event.objects.filter(account=alice.account, kind="webhook.failed")
    assert f'"failures":{endpoint.failure_count}' in event.data
    assert '"response_status":500' in event.data
    assert str(endpoint.pk) in event.data


def test_a_success_ends_the_row_of_failures(alice: Tenant, teller: Teller, clock: Clock) -> None:
    with receiver(statuses=["500 No"] * 9) as shop:
        endpoint = webhook(alice, shop, is_ordered=True)
        for _ in range(2):
            happen(alice)
            for _ in range(5):
                settle(teller)
                clock.advance(days=0.6)
    endpoint.refresh_from_db()
    assert (endpoint.status, endpoint.failure_count, endpoint.failing_since) == (EndpointStatus.ACTIVE, 0, None)


def test_a_failed_endpoint_catches_up_with_everything_when_its_owner_makes_it_active(
    alice: Tenant, teller: Teller, clock: Clock
) -> None:
    with receiver(status="503 Down") as shop:
        endpoint = webhook(alice, shop)
        happened = happen(alice, 12)
        settle(teller)
        clock.advance(days=1)
        happened += happen(alice, 5)
        settle(teller)
        shop.status = "200 OK"
        shop.web.requests.clear()
        set_status(alice, endpoint, "ACTIVE")
        settle(teller)
    assert set(shop.ids) >= set(ids(happened))
    assert not WebhookDelivery.objects.exclude(status=DeliveryStatus.DELIVERED).exists()


def test_a_paused_endpoint_is_told_nothing_until_it_is_active_and_then_all(alice: Tenant, teller: Teller) -> None:
    with receiver() as shop:
        endpoint = webhook(alice, shop, "suppression.removed")
        happened = happen(alice, 1)
        settle(teller)
        set_status(alice, endpoint, "PAUSED")
        happened += happen(alice, 2)
        settle(teller)
        assert (len(shop.web.requests), WebhookDelivery.objects.count()) == (1, 1)
        set_status(alice, endpoint, "ACTIVE")
        settle(teller)
    assert sorted(shop.ids) == sorted(ids(happened))


@pytest.mark.parametrize(
    ("answer", "headers", "pause"),
    [
        ("429 Slow down", {"Retry-After": "3600"}, timedelta(hours=1)),
        ("503 Away", {"Retry-After": "999999999"}, timedelta(hours=24)),
        ("503 Away", {"Retry-After": "1"}, timedelta(minutes=1)),
        ("503 Away", {"Retry-After": "Fri, 31 Dec 9999 23:59:59 GMT"}, timedelta(hours=24)),
        ("503 Away", {"Retry-After": "soon, ①"}, timedelta(minutes=1)),
        ("500 Broken", {"Retry-After": "3600"}, timedelta(minutes=1)),
        ("410 Gone", {}, timedelta(minutes=1)),
        ("301 Moved", {"Location": "http://127.0.0.1/elsewhere"}, timedelta(minutes=1)),
    ],
)
def test_the_receiver_may_ask_for_a_longer_pause_of_a_day_at_most(
    alice: Tenant, teller: Teller, answer: str, headers: dict[str, str], pause: timedelta
) -> None:
    with receiver(
        status=answer,
        headers={name.replace("-", "_"): value.encode().decode("latin-1") for name, value in headers.items()},
    ) as shop:
        endpoint = webhook(alice, shop)
        happen(alice)
        settle(teller)
    row, tried = delivery(endpoint), WebhookAttempt.objects.get()
    assert row.next_retry_at is not None
    ended_at = tried.started_at + timedelta(milliseconds=tried.duration_ms)
    assert abs(row.next_retry_at - ended_at - pause) < timedelta(seconds=1)
    assert (tried.response_status, tried.code) == (int(answer[:3]), "redirected" if answer[0] == "3" else "")


def test_an_attempt_without_an_answer_says_why(alice: Tenant, teller: Teller, settings: Settings) -> None:
    settings.WEBHOOK_ALLOW = ["127.0.0.1:1"]
    endpoint = webhook_to(alice, "*", url="http://127.0.0.1:1/")
    happen(alice)
    settle(teller)
    row = delivery(endpoint)
    assert (row.status, row.response_status, row.code) == (DeliveryStatus.PENDING, None, "connect_failed")


def test_an_endpoint_is_not_told_what_happened_before_it_was_made(alice: Tenant, teller: Teller) -> None:
    happen(alice, 3)
    with receiver() as shop:
        webhook(alice, shop)
        (later,) = happen(alice)
        settle(teller)
    assert shop.ids == [str(later.pk)]


def test_nothing_is_told_any_more_when_the_endpoint_was_deleted(alice: Tenant, teller: Teller, clock: Clock) -> None:
    with receiver(status="500 No") as shop:
        endpoint = webhook(alice, shop)
        happen(alice, 2)
        settle(teller)
        tried = len(shop.web.requests)
        endpoints.delete(alice.agent_actor, endpoint.pk, now=platform_clock.now())
        clock.advance(days=1)
        settle(teller)
    assert len(shop.web.requests) == tried
    assert not WebhookDelivery.objects.exists()


def test_an_endpoint_that_is_deleted_while_it_is_told_harms_nobody(alice: Tenant, teller: Teller) -> None:
    with receiver(hang_for=0.3) as slow, receiver() as quick:
        doomed = webhook(alice, slow, "suppression.removed")
        webhook(alice, quick, "suppression.removed")
        (event,) = happen(alice)
        assert teller.go_round() == 2
        endpoints.delete(alice.agent_actor, doomed.pk, now=platform_clock.now())
        settle(teller)
    assert slow.ids == [str(event.pk)]
    assert quick.ids == [str(event.pk)]
    assert not WebhookDelivery.objects.filter(endpoint=doomed.pk).exists()
    assert not WebhookAttempt.objects.exclude(delivery__endpoint__url=quick.url).exists()


def test_an_answer_that_comes_after_the_lease_undoes_nothing(alice: Tenant, clock: Clock) -> None:
    slow_teller, other = Teller(), Teller()
    with receiver(statuses=["500 No"], hang_for=0.5) as shop:
        endpoint = webhook(alice, shop)
        happen(alice)
        assert slow_teller.go_round() == 1
        while shop.statuses:  # the first one to ask is told no
            time.sleep(0.01)
        clock.advance(seconds=61)
        shop.hang_for = 0
        assert other.go_round() == 1
        settle(other)
        assert delivery(endpoint).status == DeliveryStatus.DELIVERED
        settle(slow_teller)
    row = delivery(endpoint)
    assert (row.status, row.attempts, row.response_status) == (DeliveryStatus.DELIVERED, 1, 200)
    endpoint.refresh_from_db()
    assert endpoint.failure_count == 0


def test_what_a_dead_process_had_in_hand_is_told_when_its_lease_is_over(
    alice: Tenant, teller: Teller, clock: Clock
) -> None:
    with receiver() as shop:
        endpoint = webhook(alice, shop)
        (event,) = happen(alice)
        assert fanout.fan_out(now=platform_clock.now()) is False
        assert len(claims.claim_due(free=32, for_failing=16, now=platform_clock.now())) == 1
        settle(teller)
        assert shop.ids == []
        clock.advance(seconds=61)
        settle(teller)
    assert shop.ids == [str(event.pk)]
    assert delivery(endpoint).attempts == 1
