"""As many open streams as one asks for, in one loop: raw sockets that count frames and note when the last one came."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import cast

from asgiref.sync import sync_to_async

PATIENCE = 60.0
AT_ONCE = 32
FRAME = b"\ndata: "


class Listener(asyncio.Protocol):
    """One stream. Its frames are counted, not kept; `only` counts those that hold these bytes."""

    def __init__(self, crowd: Listeners) -> None:
        self._crowd, self._tail = crowd, b""
        self.is_open: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self.frames = 0
        self.transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.transport.write(self._crowd.request)

    def data_received(self, data: bytes) -> None:
        found = (self._tail + data).count(self._crowd.mark)
        self._tail = (self._tail + data)[1 - len(self._crowd.mark) :]
        if not self.is_open.done():
            self.is_open.set_result(data.split(b" ", 2)[1] == b"200")
        if found:
            self.frames += found
            self._crowd.came(self)

    def connection_lost(self, error: Exception | None) -> None:
        self._crowd.lost += 1
        if not self.is_open.done():
            self.is_open.set_result(False)


class Listeners:
    """Streams of one server. `mark` is what is counted: a frame, or what only the frames looked for hold."""

    def __init__(self, port: int, *, key: str = "", path: str = "/v1/events?events=*", mark: bytes = FRAME) -> None:
        self._port, self.mark, self.lost = port, mark, 0
        head = f"GET {path} HTTP/1.0\r\nHost: 127.0.0.1\r\nAccept: text/event-stream\r\n"
        self.request = f"{head}Authorization: Bearer {key}\r\n\r\n".encode()
        self.all: list[Listener] = []
        self._wanted = self._missing = 0
        self._last_at = 0.0
        self._is_done = asyncio.Event()

    async def open(self, count: int) -> None:
        """So many more, each with its first bytes received."""
        gate = asyncio.Semaphore(AT_ONCE)

        async def one() -> Listener:
            async with gate, asyncio.timeout(PATIENCE):
                made = Listener(self)
                await asyncio.get_running_loop().create_connection(lambda: made, "127.0.0.1", self._port)
                assert await made.is_open, "a stream was refused"
                return made

        self.all += await asyncio.gather(*(one() for _ in range(count)))

    async def time_of(self, commit: Callable[[], float]) -> float:
        """Milliseconds from `commit`, which answers the moment of it, until the last of them has one frame more."""
        self._wanted, self._missing = self._wanted + 1, len(self.all)
        self._is_done.clear()
        committed_at = await sync_to_async(commit)()
        async with asyncio.timeout(PATIENCE):
            await self._is_done.wait()
        return max(self._last_at - committed_at, 0) * 1000

    def came(self, listener: Listener) -> None:
        assert listener.frames <= self._wanted, "a frame came twice"
        self._missing -= 1
        if not self._missing:
            self._last_at = time.perf_counter()
            self._is_done.set()

    def close(self) -> None:
        for listener in self.all:
            listener.transport.abort()
