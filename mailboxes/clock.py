"""The one clock: the database's. Read once per act, handed down as `now`."""

from __future__ import annotations

from datetime import datetime

from . import statements


def now() -> datetime:
    """The database's wall clock (`clock_timestamp()`), aware, UTC. Workers' own clocks may be wrong."""
    ((moment,),) = statements.run("SELECT clock_timestamp()", {})
    assert isinstance(moment, datetime)
    return moment
