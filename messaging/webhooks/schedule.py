"""When a delivery that failed goes again, and when no more (contract, section 9)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from django.conf import settings

LONGEST_WISH = timedelta(hours=24)
MAY_WISH = frozenset({429, 503})


def next_attempt_at(try_number: int, *, wish: datetime | None, now: datetime) -> datetime | None:
    """When to try again after attempt `try_number` (from 1) of a schedule failed at `now`; None: given up.

    `wish` is when the receiver wants it again: not before the schedule's time, and a day from now at the latest.
    """
    minutes = settings.WEBHOOK_RETRY_MINUTES
    if try_number > len(minutes):
        return None
    planned: datetime = now + timedelta(minutes=minutes[try_number - 1])
    return planned if wish is None else max(planned, min(wish, now + LONGEST_WISH))


def wish_of(status: int, retry_after: str, *, now: datetime) -> datetime | None:
    """What the answer's Retry-After says (RFC 9110, section 10.2.3); None where it says nothing that can be read."""
    text = retry_after.strip()
    if status not in MAY_WISH or not text:
        return None
    if text.isascii() and text.isdigit():
        # Longer than a day is a day, however many digits it has.
        return now + (timedelta(seconds=int(text)) if len(text) < 9 else LONGEST_WISH)
    try:
        wish = parsedate_to_datetime(text)
        return wish if wish.tzinfo is not None else wish.replace(tzinfo=UTC)
    except ValueError:
        return None
