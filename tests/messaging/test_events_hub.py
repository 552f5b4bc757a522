"""One reader tells all who listen: in order, once, from where each was, whoever is slow or has lost its key."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from asgiref.sync import sync_to_async
from django.db import connections
from pytest_django import Settings

from mailboxes import clock, departure, events, keys
from mailboxes.models import Event
from messaging.events import cursors, doorbell, hub, news
from messaging.events.filters import Filter
from messaging.events.news import News, Place
from messaging.events.reading import Page
from messaging.events.subscription import Ending, Frame, Subscription
from messaging.silence import Silence
from tests import builders
from tests.builders import Tenant
from tests.valkey import running_valkey

pytestmark = pytest.mark.django_db(transaction=True)

SENT = "key.created"
PATIENCE = 60


@pytest.fixture(autouse=True)
def _broker(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(doorbell, "_silence", Silence())
    with running_valkey(tmp_path) as url:
        backend = "channels_redis.pubsub.RedisPubSubChannelLayer"
        settings.CHANNEL_LAYERS = {"default": {"BACKEND": backend, "CONFIG": {"hosts": [url]}}}
        yield


@pytest.fixture(autouse=True)
async def _nothing_is_left() -> AsyncIterator[None]:
    yield
    assert not hub._hubs
    await in_thread(connections.close_all)


def in_thread(act: Callable[[], Any]) -> Awaitable[Any]:
    return sync_to_async(act, thread_sensitive=True)()


@pytest.fixture
async def alice() -> Tenant:
    made: Tenant = await in_thread(builders.tenant)
    return made


def happen(tenant: Tenant, count: int = 1) -> list[UUID]:
    """So many events of their own transactions; their ids."""
    return [_record(tenant) for _ in range(count)]


def _record(tenant: Tenant) -> UUID:
    data = {"key_id": str(tenant.agent.pk), "prefix": "gp_live_", "scopes": ["read"]}
    recorded = events.record(tenant.account, SENT, subject=str(tenant.agent.pk), data=data, now=clock.now())
    return recorded.pk


def log_of(tenant: Tenant, *, after: int = 0) -> list[UUID]:
    rows = Event.objects.filter(account=tenant.account, seq__gt=after, kind=SENT).order_by("seq")
    return list(rows.values_list("pk", flat=True))


async def newest(tenant: Tenant) -> int:
    seq: int = await in_thread(lambda: cursors.newest(tenant.account.pk))
    return seq


def write(tenant: Tenant, count: int) -> None:
    """So many events from a thread of its own."""
    try:
        happen(tenant, count)
    finally:
        connections.close_all()


def listen(tenant: Tenant, after: int, **more: Any) -> Subscription:
    key = tenant.agent_actor.key
    asked = {"account_id": tenant.account.pk, "key_id": key and key.pk, "after": after}
    return hub.subscribe(Filter(kinds=frozenset({SENT})), **asked | more)


async def take(subscription: Subscription, count: int, *, seconds: float = PATIENCE) -> list[UUID]:
    taken: list[UUID] = []
    async with asyncio.timeout(seconds):
        while len(taken) < count:
            frame: Frame | None = await anext(subscription)
            assert frame is not None
            taken.append(frame.told.id)
    return taken


async def until(is_so: Callable[[], object]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not is_so():
            await asyncio.sleep(0.01)


async def rest_of(subscription: Subscription) -> list[Frame | None]:
    """What still comes until it ends."""
    async with asyncio.timeout(PATIENCE):
        return [frame async for frame in subscription]


async def test_who_listens_is_told_what_happens_as_it_happens(alice: Tenant) -> None:
    with listen(alice, await newest(alice)) as subscription:
        waiting = asyncio.create_task(take(subscription, 1))
        await asyncio.sleep(0.3)
        [happened] = await in_thread(lambda: happen(alice))
        assert await waiting == [happened]


async def test_who_comes_back_is_told_what_it_missed_and_goes_on_live(alice: Tenant, monkeypatch: Any) -> None:
    monkeypatch.setattr(hub, "REPLAY_PAGE", 3)
    await in_thread(lambda: happen(alice, 10))
    with listen(alice, 0) as subscription:
        missed = await take(subscription, 11)
        fresh = await in_thread(lambda: happen(alice, 2))
        assert missed + await take(subscription, 2) == await in_thread(lambda: log_of(alice))
        assert (len(missed), len(fresh)) == (11, 2)


async def test_a_lost_ring_costs_seconds_and_no_event(alice: Tenant, monkeypatch: Any) -> None:
    monkeypatch.setattr(hub, "LOOK_SECONDS", 0.3)
    with listen(alice, await newest(alice)) as subscription:
        waiting = asyncio.create_task(take(subscription, 1))
        await asyncio.sleep(0.2)
        monkeypatch.setattr(doorbell, "ring", lambda account_id: None)
        assert await in_thread(lambda: happen(alice)) == await waiting


async def test_the_seam_between_log_and_life_has_no_gap_and_no_double(alice: Tenant, monkeypatch: Any) -> None:
    monkeypatch.setattr(hub, "REPLAY_PAGE", 7)
    writing = asyncio.gather(*(asyncio.to_thread(write, alice, 60) for _ in range(2)))
    seen = [await taken_from(alice, asyncio.sleep(0.05 * number)) for number in range(8)]
    await writing
    everything = await in_thread(lambda: log_of(alice))
    assert len(everything) == 121
    for one in seen:
        assert one == everything


async def taken_from(tenant: Tenant, moment: Awaitable[None]) -> list[UUID]:
    await moment
    with listen(tenant, 0) as subscription:
        return await take(subscription, 121, seconds=2 * PATIENCE)


async def test_who_joins_while_it_is_read_for_others_misses_no_kind_of_its_own(alice: Tenant, monkeypatch: Any) -> None:
    others = frozenset({"key.revoked"})
    has_paged, is_read_for_others, may_go_on = threading.Event(), threading.Event(), threading.Event()
    page, find = hub._page, news.find

    def paged(account_id: UUID, after: int, filter: Filter) -> Page:
        found = page(account_id, after, filter)
        has_paged.set()
        assert is_read_for_others.wait(PATIENCE)
        return found

    def found(places: dict[UUID, Place]) -> dict[UUID, News]:
        read = find(places)
        is_read_for_others.set()
        assert may_go_on.wait(PATIENCE)
        return read

    place = await newest(alice)
    with (
        hub.subscribe(Filter(kinds=others), account_id=alice.account.pk, key_id=None, after=place) as other,
        listen(alice, place) as late,
    ):
        waiting = asyncio.create_task(anext(other))
        await until(lambda: other._is_live)
        monkeypatch.setattr(hub, "_page", paged)
        joining = asyncio.create_task(take(late, 1))
        assert await asyncio.to_thread(has_paged.wait, PATIENCE)
        monkeypatch.setattr(news, "find", found)
        happened = await in_thread(lambda: happen(alice))
        assert await asyncio.to_thread(is_read_for_others.wait, PATIENCE)
        await asyncio.sleep(0.2)  # it has joined, or stays outside
        may_go_on.set()
        assert await joining == happened
        waiting.cancel()


async def test_who_comes_again_and_again_has_the_whole_log_in_the_end(alice: Tenant) -> None:
    writing = asyncio.create_task(asyncio.to_thread(write, alice, 100))
    seen: list[UUID] = []
    place = 0
    while len(seen) < 101:
        with listen(alice, place) as subscription:
            async with asyncio.timeout(PATIENCE):
                frame = await anext(subscription)
            for one in [frame, *subscription.rest()][: 1 + len(seen) % 3]:
                assert one is not None
                seen.append(one.told.id)
                place = one.told.seq
    await writing
    assert seen == await in_thread(lambda: log_of(alice))


async def test_who_lags_is_told_from_the_log_again(alice: Tenant, settings: Settings) -> None:
    settings.EVENT_QUEUE_BYTES, settings.SLOW_CLIENT_SECONDS = 2000, 3600
    with listen(alice, await newest(alice)) as lagging:
        first = asyncio.create_task(take(lagging, 1))
        await until(lambda: lagging._is_live)
        assert await in_thread(lambda: happen(alice)) == await first
        happened = await in_thread(lambda: happen(alice, 30))
        await until(lambda: not lagging._is_live)
        assert 0 < len(lagging._waiting) < 30
        assert await take(lagging, 30) == happened
        assert await in_thread(lambda: happen(alice)) == await take(lagging, 1)


async def test_who_takes_nothing_is_cut_and_the_others_are_not(alice: Tenant, settings: Settings) -> None:
    settings.SLOW_CLIENT_SECONDS = 1
    after = await newest(alice)
    with listen(alice, after) as slow, listen(alice, after) as quick:
        first = asyncio.gather(take(slow, 1), take(quick, 1))
        await until(lambda: slow._is_live and quick._is_live)
        await in_thread(lambda: happen(alice))
        await first
        reading = asyncio.create_task(take(quick, 2))
        happened = await in_thread(lambda: happen(alice, 2))
        assert await reading == happened
        await until(lambda: slow.ended)
        assert (slow.ended, quick.ended) == (Ending.SLOW, None)
        assert await rest_of(slow) == []


async def test_a_revoked_key_is_told_nothing_more_as_soon_as_the_bell_rings(alice: Tenant, monkeypatch: Any) -> None:
    monkeypatch.setattr(hub, "LOOK_SECONDS", 3600)  # nobody looks but who is rung
    key, _ = await in_thread(lambda: keys.create_agent_key(alice.agent, now=clock.now()))
    with listen(alice, await newest(alice), key_id=key.pk) as subscription:
        rest = asyncio.create_task(rest_of(subscription))
        await until(lambda: subscription._is_live)
        await in_thread(lambda: keys.revoke_now(key, by="test", now=clock.now()))
        assert [frame for frame in await rest if frame is not None] == []
        assert subscription.ended is Ending.SHUT_OUT


async def test_a_key_that_was_no_good_any_more_without_a_word_is_found_out(alice: Tenant) -> None:
    key, _ = await in_thread(lambda: keys.create_agent_key(alice.agent, now=clock.now()))
    with listen(alice, await newest(alice), key_id=key.pk) as subscription:
        await in_thread(lambda: type(key).objects.filter(pk=key.pk).update(expires_at=clock.now()))
        assert [frame for frame in await rest_of(subscription) if frame is not None] == []
        assert subscription.ended is Ending.SHUT_OUT


async def test_nobody_of_a_deleted_account_is_told_more(alice: Tenant) -> None:
    with listen(alice, await newest(alice)) as subscription:
        await in_thread(lambda: departure.depart(alice.account, by="test", now=clock.now()))
        assert [frame for frame in await rest_of(subscription) if frame is not None] == []


async def test_a_subscription_ends_when_its_time_is_over(alice: Tenant) -> None:
    with listen(alice, await newest(alice), seconds=0.5) as subscription:
        assert await rest_of(subscription) == []
        assert subscription.ended is Ending.OVER


async def test_what_waits_when_the_time_is_over_is_told_still(alice: Tenant) -> None:
    happened = await in_thread(lambda: happen(alice, 2))
    with listen(alice, 0, seconds=3600) as subscription:
        await take(subscription, 1)
        subscription._until = 0
        await until(lambda: subscription.ended)
        assert subscription.ended is Ending.OVER
        assert [frame and frame.told.id for frame in await rest_of(subscription)] == happened


async def test_what_happens_elsewhere_is_not_told(alice: Tenant) -> None:
    charlie: Tenant = await in_thread(lambda: builders.tenant("charlie"))
    with listen(alice, await newest(alice)) as hers, listen(charlie, await newest(charlie)) as his:
        both = asyncio.gather(take(hers, 1), take(his, 1))
        await asyncio.sleep(0.2)
        first, second = await in_thread(lambda: happen(alice)), await in_thread(lambda: happen(charlie))
        assert list(await both) == [first, second]


async def test_an_event_that_is_not_there_yet_is_waited_for(alice: Tenant) -> None:
    after = await newest(alice)
    found = await in_thread(lambda: news.find({alice.account.pk: Place(after - 2, None)}))
    assert found[alice.account.pk].last == after
    # As it looks where the event before the newest one is not visible yet.
    nothing = await in_thread(lambda: news._without_gap(_logged(alice, after), alice.account.pk, after=after - 2))
    assert nothing == []


def _logged(tenant: Tenant, seq: int) -> list[Any]:
    return list(Event.objects.filter(account=tenant.account, seq=seq))


async def test_listeners_hear_of_what_happens_while_the_broker_is_away(
    alice: Tenant, settings: Settings, tmp_path: Path
) -> None:
    backend = "channels_redis.pubsub.RedisPubSubChannelLayer"
    gone = f"unix://{tmp_path}/nobody.sock"
    settings.CHANNEL_LAYERS = {"default": {"BACKEND": backend, "CONFIG": {"hosts": [gone]}}}
    with listen(alice, await newest(alice)) as subscription:
        waiting = asyncio.create_task(take(subscription, 1))
        await asyncio.sleep(0.2)
        assert await in_thread(lambda: happen(alice)) == await waiting
