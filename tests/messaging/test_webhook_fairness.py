"""One that does not answer delays nobody else (I19); and who asked for the order of the log gets it (I18)."""

from __future__ import annotations

import threading
import time
from contextlib import ExitStack
from itertools import product
from queue import Empty, SimpleQueue
from uuid import UUID, uuid4

import pytest
from pytest_django import Settings

from mailboxes import clock as platform_clock
from messaging.models import DeliveryStatus, EndpointStatus, WebhookDelivery
from messaging.webhooks import claims, fanout
from messaging.webhooks.crew import Crew, Lane, Limits
from messaging.webhooks.shares import Places, Waiting, share_out
from messaging.webhooks.teller import Teller
from tests import builders
from tests.builders import Tenant
from tests.conftest import Clock

from .conftest import LONG
from .told import happen, ids, receiver, settle, webhook, webhook_to

pytestmark = pytest.mark.django_db
KIND = "suppression.removed"


@pytest.fixture
def alice() -> Tenant:
    return builders.tenant()


def waiting(*, account: UUID | None = None, is_failing: bool = False, room: int = 4) -> Waiting:
    return Waiting(uuid4(), account or uuid4(), is_failing, room)


def shares(*line: Waiting, free: int = 32, for_failing: int = 16, taken: int = 0) -> list[int]:
    places = Places(free, for_failing, {line[0].account_id: taken}, most_of_account=16)
    found = share_out(line, places)
    return [found.get(one.endpoint_id, 0) for one in line]


def test_each_gets_one_before_anybody_gets_a_second() -> None:
    assert shares(waiting(), waiting(), waiting(), free=4) == [2, 1, 1]
    assert shares(waiting(), waiting(), waiting(), free=2) == [1, 1, 0]


def test_nobody_gets_more_than_there_is_room_for() -> None:
    assert shares(waiting(room=1), waiting(room=4), waiting(room=2)) == [1, 4, 2]


def test_those_that_fail_get_half_at_most_and_the_others_the_rest() -> None:
    failing = [waiting(is_failing=True, room=1) for _ in range(20)]
    assert sum(shares(*failing)) == 16
    assert shares(*failing, waiting(), for_failing=0)[-1] == 4
    assert sum(shares(*failing, *[waiting(room=2) for _ in range(30)])[:20]) == 16


def test_an_account_gets_half_at_most_whatever_it_has() -> None:
    account = uuid4()
    many = [waiting(account=account) for _ in range(50)]
    assert sum(shares(*many)) == 16
    assert sum(shares(*many, taken=15)) == 1
    assert shares(*many, waiting(), taken=16)[-1] == 4


def claim(free: int = 32) -> list[claims.Claim]:
    now = platform_clock.now()
    fanout.fan_out(now=now)
    return claims.claim_due(free=free, for_failing=16, now=now)


def test_an_endpoint_has_few_in_hand_and_those_are_the_oldest(alice: Tenant, settings: Settings) -> None:
    settings.WEBHOOK_AT_ONCE = 2
    most = 2 * claims.AHEAD
    endpoint = webhook_to(alice, KIND)
    happened = happen(alice, most + 2)
    assert [one.event_id for one in claim()] == [one.pk for one in happened[:most]]
    assert claim() == []
    assert WebhookDelivery.objects.filter(endpoint=endpoint, leased_until__isnull=False).count() == most


def test_a_crew_gives_an_endpoint_and_an_account_few_threads_and_everybody_a_turn() -> None:
    goes_on, begun = threading.Event(), SimpleQueue[str]()

    def work(task: str) -> None:
        begun.put(task)
        assert goes_on.wait(60)

    crew = Crew(work, Limits(threads=8, of_endpoint=2, of_account=3))
    one, other, stranger = Lane(uuid4(), account := uuid4()), Lane(uuid4(), account), Lane(uuid4(), uuid4())
    for lane, name in ((one, "one"), (other, "other"), (stranger, "stranger")):
        for number in range(4):
            crew.give(lane, f"{name} {number}")
    first = sorted(begun.get(timeout=60) for _ in range(5))
    assert [name for name in first if name.startswith("stranger")] == ["stranger 0", "stranger 1"]
    assert len([name for name in first if name.startswith("one")]) in (1, 2)
    with pytest.raises(Empty):
        begun.get(timeout=0.1)
    assert crew.take_back(stranger.endpoint_id) == ["stranger 2", "stranger 3"]
    goes_on.set()
    rest = [begun.get(timeout=60) for _ in range(5)]
    assert sorted(first + rest) == sorted(f"{name} {n}" for name, n in product(("one", "other"), range(4))) + first[-2:]


def test_what_waits_for_a_receiver_that_fails_is_given_back(alice: Tenant, settings: Settings) -> None:
    settings.WEBHOOK_SECONDS = 60
    with receiver(status="500 No", silent_after=settings.WEBHOOK_AT_ONCE) as shop:
        endpoint = webhook(alice, shop, KIND)
        happen(alice, 30)
        teller = Teller()
        teller.ring()
        assert teller.go_round() == 30
        while not WebhookDelivery.objects.filter(attempts=1).exists():
            time.sleep(0.02)
            teller._write()
    endpoint.refresh_from_db()
    assert 1 <= endpoint.failure_count <= 4
    assert WebhookDelivery.objects.filter(attempts=0, leased_until__isnull=True).count() >= 20


def test_an_endpoint_that_failed_last_has_one_in_hand_at_once(alice: Tenant) -> None:
    webhook_to(alice, KIND, failure_count=1)
    happen(alice, 3)
    assert len(claim()) == 1
    assert claim() == []


def test_what_is_given_back_is_due_as_it_was(alice: Tenant) -> None:
    webhook_to(alice, KIND)
    happen(alice, 2)
    first = claim()
    claims.give_back(first)
    assert [one.delivery_id for one in claim()] == [one.delivery_id for one in first]


def test_who_waits_behind_a_thousand_of_another_endpoint_is_not_late(alice: Tenant) -> None:
    webhook_to(alice, KIND)
    happen(alice, 100)
    fanout.fan_out(now=platform_clock.now())
    bob = builders.tenant("bob")
    endpoint = webhook_to(bob, KIND)
    happen(bob)
    assert endpoint.pk in {one.endpoint_id for one in claim(free=2)}


def test_a_receiver_that_hangs_delays_nobody_else(settings: Settings) -> None:
    settings.WEBHOOK_SECONDS = 2 * LONG
    tenants = [builders.tenant(f"t{n}") for n in range(10)]
    with ExitStack() as stack:
        hanging = stack.enter_context(receiver(hang_for=LONG))
        healthy = [stack.enter_context(receiver()) for _ in tenants[1:]]
        for tenant, one in zip(tenants, [hanging, *healthy], strict=True):
            webhook(tenant, one, KIND)
        happened = [ids(happen(tenant, 12)) for tenant in tenants]
        teller, began = Teller(), time.monotonic()
        while WebhookDelivery.objects.filter(status=DeliveryStatus.DELIVERED).count() < 9 * 12:
            teller.ring()
            teller.go_round()
            time.sleep(0.01)
            assert time.monotonic() - began < LONG / 2, "somebody waited for the one that hangs"
        assert len(hanging.web.requests) == 4
    assert [sorted(one.ids) for one in healthy] == [sorted(one) for one in happened[1:]]


def test_in_order_one_is_told_at_a_time_and_the_seq_rises(alice: Tenant) -> None:
    with receiver(hang_for=0.02) as shop:
        webhook(alice, shop, KIND, is_ordered=True)
        happened = happen(alice, 8)
        first = claim()
        assert (len(first), claim()) == (1, [])
        claims.give_back(first)
        settle(Teller())
    assert shop.ids == ids(happened)


def test_in_order_the_line_waits_for_its_first_and_goes_on_behind_it(alice: Tenant, clock: Clock) -> None:
    teller = Teller()
    with receiver(statuses=["200 OK", "500 No", "500 No"]) as shop:
        webhook(alice, shop, KIND, is_ordered=True)
        happened = happen(alice, 4)
        settle(teller)
        assert shop.ids == ids(happened[:2])
        clock.advance(seconds=61)
        happened += happen(alice, 1)
        settle(teller)
        assert len(shop.ids) == 3
        clock.advance(seconds=301)
        settle(teller)
    second = str(happened[1].pk)
    assert shop.ids == [*ids(happened[:1]), second, second, second, *ids(happened[2:])]


def test_in_order_the_line_waits_no_longer_than_the_schedule_is(alice: Tenant, clock: Clock) -> None:
    teller = Teller()
    with receiver(statuses=["500 No"] * 6) as shop:
        endpoint = webhook(alice, shop, KIND, is_ordered=True)
        first, second, third = happen(alice, 3)
        for _ in range(6):
            settle(teller)
            clock.advance(days=0.6)
    # The first was given up, the second one was told then; and the first comes back, since somebody listens again.
    assert shop.ids == ids([first] * 6 + [second, first, third])
    assert set(endpoint.deliveries.values_list("status", flat=True)) == {DeliveryStatus.DELIVERED}
    endpoint.refresh_from_db()
    assert endpoint.status == EndpointStatus.ACTIVE
