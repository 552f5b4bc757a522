"""Wakes those who tell webhooks when something happened in any account. A lost ring costs seconds, never an event."""

from __future__ import annotations

import asyncio
import atexit
import threading
from collections.abc import Callable
from contextlib import suppress

import structlog
from channels.layers import get_channel_layer
from django.db import transaction
from django.dispatch import receiver

from mailboxes.signals import event_recorded
from messaging import ringing
from messaging.bell import Bell
from messaging.silence import Silence

log = structlog.get_logger(__name__)

GROUP = "webhooks"
TRY_AGAIN_SECONDS = 5
# The first ring goes at once. Whoever is woken looks at all accounts, so they are not woken more often than this.
PAUSE_SECONDS = 0.05

_silence = Silence()


@receiver(event_recorded)
def on_event_recorded(**_: object) -> None:
    # One ring for all that a transaction records.
    if all(function is not ring for _, function, _ in transaction.get_connection().run_on_commit):
        transaction.on_commit(ring, robust=True)


def ring() -> None:
    """Wake them all. Never fails and never waits: whoever calls has committed already."""
    _bell.ring(GROUP)


def listen(heard: Callable[[], None]) -> None:
    """Call `heard` whenever it rings, and once it is listened to: it may have rung before. From a thread of its own."""
    threading.Thread(target=lambda: asyncio.run(_listen(heard)), name="webhook doorbell", daemon=True).start()


async def _listen(heard: Callable[[], None]) -> None:
    layer = get_channel_layer()
    while layer is not None:
        try:
            channel = await layer.new_channel()
            await layer.group_add(GROUP, channel)
            heard()
            while True:
                await layer.receive(channel)
                heard()
        except Exception as error:  # whatever a broker's client may raise; meanwhile there is the sweep
            log.warning("webhook_doorbell.not_heard", error=str(error) or type(error).__name__)
            with suppress(Exception):
                await layer.flush()
            await asyncio.sleep(TRY_AGAIN_SECONDS)


def _ring_now(group: str) -> None:
    ringing.ring(group, {"type": "webhooks.ring"}, silence=_silence)


_bell = Bell(_ring_now, pause_seconds=PAUSE_SECONDS)
atexit.register(_bell.ring_out)
