"""Stores the mails of all sessions of a listener: what comes at the same time is committed by one statement."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from typing import Any

import psycopg
from django.db import connection

from messaging.faultpoints import faultpoint

from .storing import Mail, Statement, Stored

# One may be busy with a large mail while the small ones pass.
LANES = 2
BATCH_MAILS = 64
BATCH_BYTES = 1024 * 1024
CONNECT_SECONDS = 10
PATIENCE_SECONDS = 5.0
UNWANTED = ("cursor_factory", "context", "prepare_threshold")  # Django's own way of speaking

Waiting = tuple[Mail, "asyncio.Future[list[Stored]]"]


class Storekeeper:
    """Commits mails on a few kept connections of its own."""

    def __init__(self) -> None:
        self._waiting: deque[Waiting] = deque()
        self._lanes: set[asyncio.Task[None]] = set()
        self._idle: list[psycopg.AsyncConnection[Any]] = []
        self._is_closing = False

    async def store(self, mail: Mail) -> list[Stored]:
        """Where each copy of the mail was stored; committed on return.

        Raises psycopg's OperationalError or InterfaceError while the database can't be reached.
        """
        if self._is_closing:
            raise psycopg.OperationalError("the listener is closing")
        future: asyncio.Future[list[Stored]] = asyncio.get_running_loop().create_future()
        self._waiting.append((mail, future))
        if len(self._lanes) < LANES:
            lane = asyncio.create_task(self._work())
            self._lanes.add(lane)
            lane.add_done_callback(self._lanes.discard)
        return await future

    async def close(self) -> None:
        """Finish what waits, in reasonable time, and close the connections."""
        self._is_closing = True
        if self._lanes:
            await asyncio.wait(self._lanes, timeout=PATIENCE_SECONDS)
        while self._idle:
            await self._idle.pop().close()

    async def _work(self) -> None:
        while self._waiting:
            await self._store_or_tell(self._take_batch())

    def _take_batch(self) -> list[Waiting]:
        batch, size = [self._waiting.popleft()], 0
        while self._waiting and len(batch) < BATCH_MAILS:
            size += len(self._waiting[0][0].raw)
            if size > BATCH_BYTES:
                break
            batch.append(self._waiting.popleft())
        return batch

    async def _store_or_tell(self, batch: Sequence[Waiting]) -> None:
        try:
            stored = await self._store_twice([mail for mail, _ in batch])
        except (psycopg.OperationalError, psycopg.InterfaceError) as error:
            self._tell(batch, [error] * len(batch))
        except Exception as error:  # a value that the database refuses: the others' mails are as good as ever
            if len(batch) > 1:
                for one in batch:
                    await self._store_or_tell([one])
            else:
                self._tell(batch, [error])
        else:
            self._tell(batch, stored)

    def _tell(self, batch: Sequence[Waiting], outcomes: Sequence[list[Stored] | Exception]) -> None:
        for (_, future), outcome in zip(batch, outcomes, strict=True):
            if future.done():  # its session is gone
                continue
            if isinstance(outcome, Exception):
                future.set_exception(outcome)
            else:
                future.set_result(outcome)

    async def _store_twice(self, mails: Sequence[Mail]) -> list[list[Stored]]:
        """A kept connection may have died since its last use: that costs one try."""
        if self._idle:
            try:
                return await self._store(self._idle.pop(), mails)
            except (psycopg.OperationalError, psycopg.InterfaceError):
                pass
        return await self._store(await _connect(), mails)

    async def _store(self, connected: psycopg.AsyncConnection[Any], mails: Sequence[Mail]) -> list[list[Stored]]:
        statement = Statement(mails, now=None)
        try:
            faultpoint("inbound.before_commit", cable=connected.fileno())
            while statement.text:
                cursor = await connected.execute(statement.text, statement.parameters)
                statement.take(await cursor.fetchall())
        except BaseException:
            await connected.close()
            raise
        self._idle.append(connected)
        faultpoint("inbound.after_commit", cable=connected.fileno())
        return statement.stored()


async def _connect() -> psycopg.AsyncConnection[Any]:
    """A connection to Django's database on which each statement is its own transaction."""
    given = {name: value for name, value in connection.get_connection_params().items() if name not in UNWANTED}
    # The commit must be on disk before 250 is said, whatever the role's default is.
    connected = await psycopg.AsyncConnection.connect(**{"connect_timeout": CONNECT_SECONDS} | given, autocommit=True)
    try:
        await connected.execute("SET synchronous_commit = on")
    except BaseException:
        await connected.close()
        raise
    return connected
