"""Quiet hours and digests on a member's own clock."""

from __future__ import annotations

import zoneinfo
from datetime import UTC, datetime, time, timedelta, tzinfo

from .models import NoticeSettings

DAY = timedelta(days=1)


def is_quiet(wishes: NoticeSettings, *, now: datetime) -> bool:
    """Whether the member is not to be disturbed; quiet hours may go over midnight."""
    if wishes.quiet_from is None or wishes.quiet_to is None:
        return False
    local = now.astimezone(zone_of(wishes)).time()
    if wishes.quiet_from <= wishes.quiet_to:
        return wishes.quiet_from <= local < wishes.quiet_to
    return local >= wishes.quiet_from or local < wishes.quiet_to


def end_of_quiet(wishes: NoticeSettings, *, now: datetime) -> datetime:
    """When the quiet hours of this moment end."""
    return _next(wishes.quiet_to or time(0), zone_of(wishes), after=now)


def next_digest(wishes: NoticeSettings, *, now: datetime) -> datetime:
    """When the member's next daily digest is due."""
    return _next(wishes.daily_at, zone_of(wishes), after=now)


def zone_of(wishes: NoticeSettings) -> tzinfo:
    """The member's time zone; UTC for a name that this server does not know."""
    try:
        return zoneinfo.ZoneInfo(wishes.zone)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        return UTC


def _next(at: time, zone: tzinfo, *, after: datetime) -> datetime:
    """The next time that clocks in the zone show `at`; where they leap over it, the moment after the leap."""
    day = after.astimezone(zone).date()
    for _ in range(3):
        moment = datetime.combine(day, at, tzinfo=zone).astimezone(UTC)
        if moment > after:
            return moment
        day += DAY
    raise AssertionError("a day has 25 hours at most")
