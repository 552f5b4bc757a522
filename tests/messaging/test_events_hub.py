"""One reader tells all who listen: in order, once, from where each was, whoever is slow or has lost its key."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from asgiref.sync import sync_to_async
from django.db import connections
from pytest_django import Settings

from mailboxes import clock, events
from mailboxes.models import Event
from messaging.events import cursors, doorbell, hub
from messaging.events.filters import Filter
from messaging.events.subscription import Frame, Subscription
from messaging.silence import Silence
from tests import builders
from tests.builders import Tenant
from tests.valkey import running_valkey

pytestmark = pytest.mark.django_db(transaction=True)

SENT = "key.created"


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


def listen(tenant: Tenant, after: int, **more: Any) -> Subscription:
    key = tenant.agent_actor.key
    asked = {"account_id": tenant.account.pk, "key_id": key and key.pk, "after": after}
    return hub.subscribe(Filter(kinds=frozenset({SENT})), **asked | more)


async def take(subscription: Subscription, count: int, *, seconds: float = 10) -> list[UUID]:
    async with asyncio.timeout(seconds):
        frames = [frame async for frame, _ in _counted(subscription, count)]
    return [frame.told.id for frame in frames if frame is not None]


async def _counted(subscription: Subscription, count: int) -> AsyncIterator[tuple[Frame | None, int]]:
    for number in range(count):
        yield await anext(subscription), number


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
