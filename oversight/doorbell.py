"""Tells the console's sockets that something happened in an account. A lost ring costs seconds, never an event.

An open page that was rung awake looks again a moment later (`console.consumers`), so for as long the bell is still: a
thousand sends a minute are not a thousand rings.
"""

from __future__ import annotations

import asyncio
import atexit
import threading
import time
from dataclasses import dataclass
from uuid import UUID

import structlog
from channels.layers import get_channel_layer
from django.db import transaction
from django.dispatch import receiver

from mailboxes.models import Event
from mailboxes.signals import event_recorded
from messaging.bell import Bell
from messaging.silence import Silence

log = structlog.get_logger(__name__)

RING_SECONDS = 2
STILL_SECONDS = 0.25
MOST_REMEMBERED = 1000

_silence = Silence()
_rung_at: dict[UUID, float] = {}
_of_thread = threading.local()


def group_name(account_id: UUID) -> str:
    """The channel group of an account's open pages."""
    return f"console.{account_id.hex}"


@receiver(event_recorded)
def on_event_recorded(*, event: Event, **_: object) -> None:
    planned = _Ring(event.account_id)
    # A batch records many events of one account: one ring tells of them all.
    if all(function != planned for _, function, _ in transaction.get_connection().run_on_commit):
        transaction.on_commit(planned, robust=True)


@dataclass(frozen=True, slots=True)
class _Ring:
    account_id: UUID

    def __call__(self) -> None:
        ring(self.account_id)


def ring(account_id: UUID) -> None:
    """Wake the account's open pages. Never fails and never waits: whoever calls has committed already."""
    if not _is_still(account_id):
        _bell.ring(group_name(account_id))


def _is_still(account_id: UUID) -> bool:
    """Whether the account's pages were rung so lately that they are going to look anyway."""
    now = time.monotonic()
    if now - _rung_at.get(account_id, float("-inf")) < STILL_SECONDS:
        return True
    if len(_rung_at) >= MOST_REMEMBERED:
        _rung_at.clear()
    _rung_at[account_id] = now
    return False


def _ring_now(group: str) -> None:
    if _silence.is_kept():
        return
    try:
        _loop().run(_send(group))
    except Exception as error:  # whatever a broker's client may raise, the act is done and stays done
        _silence.begin()
        log.warning("doorbell.lost", group=group, error=str(error) or type(error).__name__)


def _loop() -> asyncio.Runner:
    """The thread's own event loop, kept: the layer's connection to the broker belongs to it."""
    if not hasattr(_of_thread, "runner"):
        _of_thread.runner = asyncio.Runner()
    runner: asyncio.Runner = _of_thread.runner
    return runner


async def _send(group: str) -> None:
    layer = get_channel_layer()
    if layer is not None:
        await asyncio.wait_for(layer.group_send(group, {"type": "console.ring"}), RING_SECONDS)


_bell = Bell(_ring_now)
atexit.register(_bell.ring_out)
