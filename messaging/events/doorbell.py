"""Tells whoever listens to an account that something happened there. A lost ring costs seconds, never an event."""

from __future__ import annotations

import asyncio
import atexit
import threading
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
# The first ring goes at once; what happens in an account within this pause after it is one more ring. It is most of
# what a busy account's listeners wait for, and keeps a worker's burst of commits from being as many messages.
PAUSE_SECONDS = 0.003

_silence = Silence()
_of_thread = threading.local()


def group_name(account_id: UUID) -> str:
    """The channel group of those who listen to an account. Its messages are of type `events.ring`."""
    return f"events.{account_id.hex}"


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
    """Wake whoever listens to the account. Never fails and never waits: whoever calls has committed already."""
    _bell.ring(account_id.hex)


def _ring_now(account: str) -> None:
    if _silence.is_kept():
        return
    try:
        _loop().run(_send(UUID(account)))
    except Exception as error:  # whatever a broker's client may raise, the act is done and stays done
        _silence.begin()
        log.warning("doorbell.lost", account=account, error=str(error) or type(error).__name__)


def _loop() -> asyncio.Runner:
    """The thread's own event loop, kept: the layer's connection to the broker belongs to it."""
    if not hasattr(_of_thread, "runner"):
        _of_thread.runner = asyncio.Runner()
    runner: asyncio.Runner = _of_thread.runner
    return runner


async def _send(account_id: UUID) -> None:
    layer = get_channel_layer()
    if layer is not None:
        message = {"type": "events.ring", "account": account_id.hex}
        await asyncio.wait_for(layer.group_send(group_name(account_id), message), RING_SECONDS)


_bell = Bell(_ring_now, pause_seconds=PAUSE_SECONDS)
atexit.register(_bell.ring_out)
