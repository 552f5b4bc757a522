"""A client as it should be: it keeps the id of the last event that it has dealt with, and comes back with it."""

from __future__ import annotations

import asyncio
import random

from tests.builders import Tenant

from . import ears
from .ears import Ear, Heard
from .writing import KIND, first_id

LONGEST = 0.2  # seconds that a connection of `listen_for_a_moment` lasts


class Client:
    """`heard` are the ids of all that it took, over all its connections."""

    def __init__(self, tenant: Tenant, *, number: int = 0) -> None:
        self.tenant, self.last = tenant, first_id(tenant)
        self.heard: list[str] = []
        self._dice = random.Random(number)

    def take(self, heard: Heard) -> None:
        assert heard.kind == KIND, heard
        self.last = heard.id
        self.heard.append(heard.id)

    async def open(self, port: int) -> Ear:
        return await ears.listen(port, self.tenant.key_text, last=self.last, query=f"events={KIND}")

    async def listen_for_a_moment(self, port: int) -> None:
        """Leave after some events or some time, in the middle of whatever is on its way."""
        ear = await self.open(port)
        try:
            async with asyncio.timeout(self._dice.uniform(0, LONGEST)):
                for _ in range(self._dice.choice((0, 1, 3, 10, 1000))):
                    self.take(await anext(ear))
        except TimeoutError:
            return
        finally:
            ear.close()

    async def listen(self, port: int) -> None:
        """Listen until the server ends it."""
        ear = await self.open(port)
        try:
            async for heard in ear:
                self.take(heard)
        finally:
            ear.close()

    async def listen_until(self, port: int, end: str) -> None:
        """Listen until the event of this id was heard, or the server is gone."""
        ear = await self.open(port)
        async with asyncio.timeout(ears.PATIENCE):
            while self.last != end and (heard := await anext(ear, None)) is not None:
                self.take(heard)
        ear.close()
