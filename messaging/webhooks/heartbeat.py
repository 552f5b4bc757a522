"""The sign of life of who tells webhooks: given while the loop goes round; the key in the cache dies by itself."""

from __future__ import annotations

import threading
import time
from contextlib import suppress

from django.core.cache import cache
from django.utils import timezone
from redis.exceptions import RedisError

from .teller import Teller

HEARTBEAT = "webhooks-heartbeat"
BEATS_EVERY = 5.0
GONE_AFTER = 30
# A round may wait for the database, never for a receiver.
STUCK_AFTER = 20.0


def beat(teller: Teller) -> None:
    """Beat from a thread of its own: a broker that hangs must not hold up the loop."""
    threading.Thread(target=_beat, args=(teller,), name="heartbeat", daemon=True).start()


def give_sign() -> None:
    cache.set(HEARTBEAT, timezone.now().isoformat(timespec="seconds"), GONE_AFTER)


def last_beat() -> str | None:
    """When the last sign of life was given; None: not lately."""
    beaten: str | None = cache.get(HEARTBEAT)
    return beaten


def _beat(teller: Teller) -> None:
    while True:
        if time.monotonic() - teller.looked_at < STUCK_AFTER:
            with suppress(RedisError, OSError):  # whoever reads it does not reach the broker either
                give_sign()
        time.sleep(BEATS_EVERY)
