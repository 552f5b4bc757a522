"""Threads of the streams' own for the database: few, whoever listens, and none of those that answer requests."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from django.db import connections

T = TypeVar("T")

# Apart, so that who catches up on a week does not delay what happens now.
READERS, REPLAYERS = 1, 4

_reading = ThreadPoolExecutor(READERS, thread_name_prefix="events")
_replaying = ThreadPoolExecutor(REPLAYERS, thread_name_prefix="replay")


async def in_reader(act: Callable[[], T]) -> T:
    """What `act` returns, done in the thread that reads what is new. It keeps its connection until `rest_reader`."""
    # Not by asgiref: nothing in there finds its way back to this event loop, and many look very often.
    return await asyncio.get_running_loop().run_in_executor(_reading, _done_on_kept, act)


def rest_reader() -> None:
    """Nobody listens any more: the reader gives its connection back, after what it was asked to do. Does not wait."""
    _reading.submit(connections.close_all)


async def in_replayer(act: Callable[[], T]) -> T:
    """What `act` returns, done in one of the threads that read what was."""
    return await asyncio.get_running_loop().run_in_executor(_replaying, _done, act)


def _done_on_kept(act: Callable[[], T]) -> T:
    try:
        return act()
    except BaseException:
        connections.close_all()  # it may be what went wrong
        raise


def _done(act: Callable[[], T]) -> T:
    try:
        return act()
    finally:
        connections.close_all()  # a pool takes it back
