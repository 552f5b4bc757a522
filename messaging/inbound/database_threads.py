"""A few threads for an event loop's database work, each with its own kept connection."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TypeVar

from django.db import InterfaceError, OperationalError, connection

T = TypeVar("T")

PATIENCE_SECONDS = 5.0


class DatabaseThreads:
    """Runs short pieces of database work. At most `size` at once; the rest wait their turn."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._pool = ThreadPoolExecutor(size, thread_name_prefix="database")
        self._is_closing = False

    async def run(self, work: Callable[[], T]) -> T:
        """The result of `work`. It may be run twice: a connection that died since its last use costs one try.

        Raises OperationalError or InterfaceError while the database can't be reached.
        """
        if self._is_closing:  # a thread that has left would open its connection again, and nobody would close it
            raise OperationalError("the listener is closing")
        return await asyncio.get_running_loop().run_in_executor(self._pool, _twice, work)

    async def close(self) -> None:
        """Wait for what runs, and close every thread's connection."""
        self._is_closing = True
        await asyncio.get_running_loop().run_in_executor(None, self._leave_all)

    def _leave_all(self) -> None:
        barrier = threading.Barrier(self._size)

        def leave() -> None:
            with suppress(threading.BrokenBarrierError):
                barrier.wait(timeout=PATIENCE_SECONDS)  # so that each thread does this once
            connection.close()

        for future in [self._pool.submit(leave) for _ in range(self._size)]:
            future.result()
        self._pool.shutdown()


def _twice(work: Callable[[], T]) -> T:
    is_kept = connection.connection is not None
    try:
        return work()
    except (OperationalError, InterfaceError):
        connection.close()
        if not is_kept:
            raise
    try:
        return work()
    except (OperationalError, InterfaceError):
        connection.close()
        raise
