"""What one listener is told: events behind its place in order, each once, first from the log, then as they happen."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator
from enum import StrEnum
from types import TracebackType
from typing import Protocol
from uuid import UUID

import structlog
from django.conf import settings
from django.db import DatabaseError, InterfaceError

from .filters import Filter
from .reading import Page
from .rendering import Told

log = structlog.get_logger(__name__)

# What a frame weighs in a queue beside its characters.
FRAME_OVERHEAD = 200


class Ending(StrEnum):
    """Why nothing more comes."""

    OVER = "over"  # the seconds asked for
    SLOW = "slow"  # nothing of what waits for it was taken for long: let it come again from where it was
    SHUT_OUT = "shut_out"  # its key or account is no good any more
    FAILED = "failed"  # the database did not answer
    LEFT = "left"  # the listener itself


class Frame:
    """An event with its bytes on a stream, made once however many listen."""

    __slots__ = ("_sse", "told")

    def __init__(self, told: Told) -> None:
        self.told = told
        self._sse: bytes | None = None

    @property
    def sse(self) -> bytes:
        """As a server-sent event: LF, one space, the event's id as cursor."""
        if self._sse is None:
            told = self.told
            self._sse = f"id: {told.id}\nevent: {told.kind}\ndata: {told.body}\n\n".encode()
        return self._sse

    @property
    def weight(self) -> int:
        return len(self.told.body) + FRAME_OVERHEAD


class Source(Protocol):
    """Where a subscription takes its events from: `hub.Feed`."""

    async def page(self, asking: Subscription) -> Page: ...
    def join(self, asking: Subscription) -> bool: ...
    def stand_aside(self, lagging: Subscription) -> None: ...
    def leave(self, leaving: Subscription) -> None: ...


class Subscription:
    """An iterator over frames, for one reader; None where nothing happened for HEARTBEAT_SECONDS.

    Who does not keep up is told from the log again, at their own pace, so that little waits for them here.

    It ends for the reason in `ended`. `close` it, or use it `with`: it is told to until then.
    """

    def __init__(self, filter: Filter, *, source: Source, key_id: UUID | None, after: int, seconds: float) -> None:
        self.filter = filter
        self.key_id = key_id
        self.cursor = after
        self.ended: Ending | None = None
        self._source = source
        self._loop = asyncio.get_running_loop()
        self._is_live = False
        self._until = time.monotonic() + seconds
        # When the first of what waits came, or something was last taken.
        self._moved_at = time.monotonic()
        self._waiting: deque[Frame | None] = deque()
        self._weight = 0
        self._sleeping: asyncio.Future[None] | None = None

    def __enter__(self) -> Subscription:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def __aiter__(self) -> AsyncIterator[Frame | None]:
        return self

    async def __anext__(self) -> Frame | None:
        while not self._waiting:
            if self.ended is not None:
                raise StopAsyncIteration
            if self._is_live:
                self._sleeping = self._loop.create_future()
                await self._sleeping
            else:
                await self._catch_up()
        frame = self._waiting.popleft()
        self._weight -= frame.weight if frame is not None else 0
        self._moved_at = time.monotonic()
        return frame

    def rest(self) -> list[Frame]:
        """What else is there already, taken without waiting."""
        if not self._waiting:
            return []
        frames = [frame for frame in self._waiting if frame is not None]
        self._waiting.clear()
        self._weight = 0
        return frames

    def offer(self, frame: Frame) -> None:
        """Put the frame into the queue, if it is behind the cursor and the filter takes it."""
        if not self._is_live or frame.told.seq <= self.cursor or not self.filter.takes(frame.told):
            return
        if self._waiting and self._weight + frame.weight > settings.EVENT_QUEUE_BYTES:
            self._is_live = False
            self._source.stand_aside(self)
            return
        self._put(frame)

    def tick(self, now: float) -> None:
        """Notice that its time is over, or that nothing came or was taken for long. `now` is of time.monotonic."""
        still_for = now - self._moved_at
        if now >= self._until:
            self.end(Ending.OVER)
        elif self._waiting and still_for >= settings.SLOW_CLIENT_SECONDS:
            self.end(Ending.SLOW)
        elif not self._waiting and still_for >= settings.HEARTBEAT_SECONDS:
            self._put(None)

    def end(self, why: Ending) -> None:
        """Nothing more is put into the queue; what waits there is still told when only the time was over."""
        if self.ended is not None:
            return
        self.ended = why
        if why is not Ending.OVER:
            self._waiting.clear()
        self._wake()
        self._source.leave(self)

    def close(self) -> None:
        self.end(Ending.LEFT)

    def _put(self, frame: Frame | None) -> None:
        if not self._waiting:
            self._moved_at = time.monotonic()
        self._waiting.append(frame)
        if frame is not None:
            self._weight += frame.weight
            self.cursor = frame.told.seq
        self._wake()

    def _wake(self) -> None:
        if self._sleeping is not None and not self._sleeping.done():
            self._sleeping.set_result(None)

    async def _catch_up(self) -> None:
        """One page from the log; with the last one it is live, unless the others were told more meanwhile."""
        try:
            page = await self._source.page(self)
        except (DatabaseError, InterfaceError) as error:
            log.warning("events.replay_failed", error=str(error))
            self.end(Ending.FAILED)
            return
        if self.ended is not None:
            return
        for frame in map(Frame, page.told):
            if frame.told.seq > self.cursor and self.filter.takes(frame.told):
                self._put(frame)
        self.cursor = max(self.cursor, page.last)
        self._is_live = not page.has_more and self._source.join(self)
