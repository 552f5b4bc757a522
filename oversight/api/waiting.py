"""`Prefer: wait=N` (RFC 7240, section 4.3): an answer that waits for the outcome."""

from __future__ import annotations

import re
import time
from uuid import UUID

from django.db import close_old_connections

from messaging.lifecycle import FINAL
from messaging.models import Message, Status

MAX_SECONDS = 30
PAUSE_SECONDS = 0.1
WAIT = re.compile(r'(?:^|[,;])\s*wait\s*=\s*"?(\d{1,9})"?\s*(?=$|[,;])', re.IGNORECASE)
OUTCOMES = FINAL | {Status.UNKNOWN, Status.RETURNED}


def seconds_asked(prefer: str) -> int:
    """How long the caller would wait, at most 30 s; 0 when the header says nothing of it."""
    found = WAIT.search(prefer)
    return min(int(found[1]), MAX_SECONDS) if found else 0


def for_outcome(message_id: UUID | str, *, seconds: float) -> None:
    """Return when the message has come to an outcome, or after `seconds`. Holds no transaction and no connection."""
    deadline = time.monotonic() + seconds
    while not Message.objects.filter(pk=message_id, status__in=OUTCOMES).exists():
        if time.monotonic() + PAUSE_SECONDS > deadline:
            return
        close_old_connections()  # back into the pool while we sleep
        time.sleep(PAUSE_SECONDS)
