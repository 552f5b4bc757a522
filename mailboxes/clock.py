"""The one clock: the database's. Read once per act, handed down as `now`."""

from __future__ import annotations

from datetime import datetime

from django.db import connection


def now() -> datetime:
    """The database's wall clock (`clock_timestamp()`), aware, UTC. Workers' own clocks may be wrong."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        (moment,) = cursor.fetchone()
    assert isinstance(moment, datetime)
    return moment
