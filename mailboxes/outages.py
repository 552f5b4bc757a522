"""What keeps the database from doing what it was asked, in a sentence that the caller can act on."""

from __future__ import annotations

from django.db import DatabaseError, InterfaceError, OperationalError

from .errors import Problem

BUSY_SECONDS = 5
# Somebody has to do something about it.
OPERATOR_SECONDS = 30

# SQLSTATE; PostgreSQL, appendix A.
DISK_FULL = "53100"
READ_ONLY = "25006"


class Unavailable(Problem):
    """We can't answer right now; nothing was done."""

    status = 503
    code = "unavailable"


def find_outage(error: BaseException | None) -> Unavailable | None:
    """The outage behind an exception; None when the database is not at fault."""
    if not isinstance(error, DatabaseError | InterfaceError):
        return None
    if sqlstate(error) == DISK_FULL:
        return _outage("disk_full", "The database's disk is full; nothing was done.", after=OPERATOR_SECONDS)
    if sqlstate(error) == READ_ONLY:
        sentence = "The database only reads right now (a standby, or told so); nothing was done."
        return _outage("read_only", sentence, after=OPERATOR_SECONDS)
    if isinstance(error, OperationalError | InterfaceError):
        return _outage("unavailable", "The database does not answer right now.", after=BUSY_SECONDS)
    return None


def sqlstate(error: BaseException) -> str:
    """What the server said; empty when it said nothing."""
    return getattr(error.__cause__, "sqlstate", None) or ""


def _outage(code: str, sentence: str, *, after: int) -> Unavailable:
    fix = "Try again." if after == BUSY_SECONDS else "Try again later; the operator must do something about it."
    return Unavailable(sentence, code=code, fix=fix, headers={"Retry-After": str(after)})
