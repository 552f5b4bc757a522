"""Whoever resumes sending wakes a worker: what waited goes at once, not with the next sweep."""

from __future__ import annotations

from django.dispatch import receiver

from mailboxes import stops
from mailboxes.models import Event
from mailboxes.signals import event_recorded
from messaging import wakeup


@receiver(event_recorded)
def on_sending_resumed(*, event: Event, **_: object) -> None:
    if event.kind in stops.RESUMED:
        wakeup.ring(wakeup.DRAIN_OUTBOX)
