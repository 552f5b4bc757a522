"""A word into a group of the channel layer, from a bell's thread: it never fails and waits for two seconds at most."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Mapping

import structlog
from channels.layers import get_channel_layer

from .silence import Silence

log = structlog.get_logger(__name__)

RING_SECONDS = 2

_of_thread = threading.local()


def ring(group: str, message: Mapping[str, str], *, silence: Silence) -> None:
    """Send it, unless the broker was away a moment ago. What is lost costs its listeners seconds, never an event."""
    if silence.is_kept():
        return
    try:
        _loop().run(_send(group, message))
    except Exception as error:  # whatever a broker's client may raise, the act is done and stays done
        silence.begin()
        log.warning("doorbell.lost", group=group, error=str(error) or type(error).__name__)


def _loop() -> asyncio.Runner:
    """The thread's own event loop, kept: the layer's connection to the broker belongs to it."""
    if not hasattr(_of_thread, "runner"):
        _of_thread.runner = asyncio.Runner()
    runner: asyncio.Runner = _of_thread.runner
    return runner


async def _send(group: str, message: Mapping[str, str]) -> None:
    layer = get_channel_layer()
    if layer is not None:
        async with asyncio.timeout(RING_SECONDS):
            await layer.group_send(group, dict(message))
