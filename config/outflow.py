"""What Daphne still has to write to a client. Its own `send` returns at once, however much waits to be read.

A body that streams asks here before it sends more: it waits for its client, and who takes nothing for
SLOW_CLIENT_SECONDS is cut off. So what a process holds for one client is bounded by the transport's buffer (64 KiB).
"""

from __future__ import annotations

import asyncio
from contextvars import ContextVar
from typing import Any

from daphne import http_protocol
from django.conf import settings
from twisted.internet.interfaces import IPushProducer
from zope.interface import implementer  # type: ignore[import-untyped]

_current: ContextVar[Outflow | None] = ContextVar("outflow", default=None)


class SlowClient(Exception):
    """The client took nothing for so long that it was cut off."""


@implementer(IPushProducer)
class Outflow:
    """The way to one client, open until the transport says that its buffer is full."""

    def __init__(self, request: http_protocol.WebRequest) -> None:
        self._request = request
        self.is_full = False
        self._is_open = asyncio.Event()

    async def wait(self) -> None:
        """Return once the client has taken what is full now. Raises SlowClient, and the connection is gone then."""
        try:
            async with asyncio.timeout(settings.SLOW_CLIENT_SECONDS):
                await self._is_open.wait()
        except TimeoutError:
            self.cut()
            raise SlowClient from None

    def cut(self) -> None:
        """Break the connection off: what the client has of the body must not look whole."""
        if self._request.channel is not None:
            self._request.channel.forceAbortClient()

    def pauseProducing(self) -> None:
        self.is_full = True
        self._is_open.clear()

    def resumeProducing(self) -> None:
        self.is_full = False
        self._is_open.set()

    def stopProducing(self) -> None:
        """The client has left: what is sent now is dropped."""
        self.resumeProducing()


class Request(http_protocol.WebRequest):  # type: ignore[misc]
    """Daphne's request. The task that answers it finds the way to its client by `find`."""

    def process(self) -> Any:
        self.outflow = Outflow(self)
        self.registerProducer(self.outflow, True)
        # The task is made in here, and keeps what it finds in this context.
        before = _current.set(self.outflow)
        try:
            return super().process()
        finally:
            _current.reset(before)

    def finish(self) -> None:
        self.unregisterProducer()
        super().finish()


def find() -> Outflow | None:
    """That of the request which this task answers; None under any other server than Daphne."""
    return _current.get()
