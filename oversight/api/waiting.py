"""`Prefer: wait=N` (RFC 7240, section 4.3): an answer that waits for the outcome."""

from __future__ import annotations

import re
import threading
import time
from uuid import UUID

from django.db import close_old_connections

from messaging.lifecycle import FINAL
from messaging.models import Message, Status

MAX_SECONDS = 30
PAUSE_SECONDS = 0.1
# Who waits holds one of the web server's threads (config.threaded); the others must stay free for those who work.
MAX_WAITING = 8
WAIT = re.compile(r'(?:^|[,;])\s*wait\s*=\s*"?(\d{1,9})"?\s*(?=$|[,;])', re.IGNORECASE)
places = threading.BoundedSemaphore(MAX_WAITING)
OUTCOMES = FINAL | {Status.UNKNOWN, Status.RETURNED}


def seconds_asked(prefer: str) -> int:
    """How long the caller would wait, at most 30 s; 0 when the header says nothing of it."""
    found = WAIT.search(prefer)
    return min(int(found[1]), MAX_SECONDS) if found else 0


def for_outcome(message_id: UUID | str, *, seconds: float) -> None:
    """Return when the message has come to an outcome, or after `seconds`; at once when too many wait already.

    Holds no transaction and no connection. To wait is a preference: an answer that says QUEUED is as true.
    """
    if not places.acquire(blocking=False):
        return
    try:
        _wait(message_id, until=time.monotonic() + seconds)
    finally:
        places.release()


def _wait(message_id: UUID | str, *, until: float) -> None:
    while not Message.objects.filter(pk=message_id, status__in=OUTCOMES).exists():
        if time.monotonic() + PAUSE_SECONDS > until:
            return
        close_old_connections()  # back into the pool while we sleep
        time.sleep(PAUSE_SECONDS)
