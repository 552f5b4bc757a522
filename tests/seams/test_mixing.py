"""One cursor for every way of listening: whoever goes from one to another, at any moment, hears the log, once (I14)."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any
from urllib.parse import urlencode

import pytest
from asgiref.sync import async_to_sync
from websockets.asyncio.client import connect

from tests import builders
from tests.chaos.processes import Crew

from . import ears
from .client import LONGEST, Client
from .ears import Heard
from .writing import KIND, log_of, writers

pytestmark = [pytest.mark.crash, pytest.mark.django_db(transaction=True)]

FEW, MANY = 60, 600
UNLIMITED: dict[str, Any] = {"SSE_PER_KEY": 1000, "SSE_PER_ACCOUNT": 1000}


class Wanderer(Client):
    """A client that reads on by another way each time."""

    async def stream(self, port: int) -> None:
        await self.listen_for_a_moment(port)

    async def poll(self, port: int, **more: object) -> None:
        """A page of the log; sometimes it goes on from its cursor, as a reader does, sometimes from its last event."""
        query = {"types": KIND, "after": self.last, "limit": self._dice.randint(1, 60), **more}
        path = f"/v1/events/log?{urlencode(query)}"
        status, page = await asyncio.to_thread(ears.ask, port, self.tenant.key_text, path)
        assert status == 200, page
        for one in page["events"]:
            self.take(Heard(one["id"], one["event"], ""))
        if self._dice.random() < 0.5:
            self.last = page["cursor"]

    async def wait(self, port: int) -> None:
        await self.poll(port, wait=1)

    async def socket(self, port: int) -> None:
        """Some frames of a WebSocket, left in the middle of whatever is on its way."""
        address = f"ws://127.0.0.1:{port}/v1/events/ws?{urlencode({'events': KIND, 'after': self.last})}"
        headers = {"Authorization": f"Bearer {self.tenant.key_text}"}
        async with connect(address, additional_headers=headers, proxy=None, open_timeout=ears.PATIENCE) as socket:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._dice.uniform(0, LONGEST)):
                    while True:
                        self._take_frame(json.loads(await socket.recv()))
            socket.transport.abort()

    def _take_frame(self, frame: dict[str, Any]) -> None:
        if "event" in frame:
            self.take(Heard(frame["id"], frame["event"], ""))
        else:
            assert frame["type"] in ("ready", "heartbeat"), frame

    def ways(self) -> list[Callable[[int], Awaitable[None]]]:
        return [self.stream, self.poll, self.wait, self.socket]


@pytest.mark.parametrize("steps", [FEW, pytest.param(MANY, marks=pytest.mark.chaos)])
def test_whoever_changes_the_way_of_listening_hears_the_log(crew: Crew, layer: dict[str, Any], steps: int) -> None:
    first, second = (crew.serve("web", CHANNEL_LAYERS=layer, **UNLIMITED) for _ in range(2))
    tenants = [builders.tenant(is_verified=False) for _ in range(2)]
    clients = [Wanderer(tenants[number % 2], number=number) for number in range(4)]

    async def wander(client: Wanderer, dice: random.Random) -> None:
        for _ in range(steps // len(clients)):
            await dice.choice(client.ways())(dice.choice((first.port, second.port)))

    async def all_wander() -> None:
        await asyncio.gather(*(wander(one, random.Random(number)) for number, one in enumerate(clients)))

    with writers(tenants):
        async_to_sync(all_wander)()
    ends = {one: log_of(one.tenant)[-1] for one in clients}

    async def hear_the_rest() -> None:
        async with asyncio.timeout(ears.PATIENCE):
            for client, end in ends.items():
                while client.heard[-1:] != [end]:
                    await client.poll(first.port)

    async_to_sync(hear_the_rest)()
    for client in clients:
        assert client.heard == log_of(client.tenant), json.dumps(client.heard[-3:])
