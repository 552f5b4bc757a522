"""When a deferred recipient is tried again, and when no more."""

from __future__ import annotations

import random
from datetime import datetime, timedelta

FIRST_PAUSE = timedelta(minutes=1)
LONGEST_PAUSE = timedelta(hours=4)
JITTER = 0.2
GIVE_UP_AFTER = timedelta(days=5)
MAX_ATTEMPTS = 40


def next_attempt_at(number: int, *, first_at: datetime, now: datetime) -> datetime | None:
    """When to try again after attempt `number` (from 1) was deferred; None: five days or 40 attempts are over."""
    if number >= MAX_ATTEMPTS or now - first_at >= GIVE_UP_AFTER:
        return None
    pause = min(FIRST_PAUSE * (1 << min(number - 1, 12)), LONGEST_PAUSE)
    # A relay that comes back must not meet everybody in the same second.
    return now + pause * random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311 - no secret
