"""Tells whoever listens to an account that something happened there. A lost ring costs seconds, never an event."""

from __future__ import annotations

import atexit
from dataclasses import dataclass
from uuid import UUID

from django.db import transaction
from django.dispatch import receiver

from mailboxes.models import Event
from mailboxes.signals import event_recorded
from messaging import ringing
from messaging.bell import Bell
from messaging.silence import Silence

# The first ring goes at once; what happens in an account within this pause after it is one more ring. It is most of
# what a busy account's listeners wait for, and keeps a worker's burst of commits from being as many messages.
PAUSE_SECONDS = 0.003

_silence = Silence()


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
    ringing.ring(group_name(UUID(account)), {"type": "events.ring", "account": account}, silence=_silence)


_bell = Bell(_ring_now, pause_seconds=PAUSE_SECONDS)
atexit.register(_bell.ring_out)
