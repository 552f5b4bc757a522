"""A place in an account's log, named by the id of the last event that a reader knows.

A place is good as long as what comes behind it is within EVENT_RETENTION_DAYS. The log itself is never cut: it is the
audit log. So the id of the newest event is good for any time, however long nothing happens.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings

from mailboxes import events, statements
from mailboxes.ids import parse_id

UNKNOWN, EXPIRED = "unknown", "expired"
START = ""  # the text of the place before the first event

PLACE = """
SELECT event.seq, event.created_at < %(since)s AND coalesce(next.created_at < %(since)s, false)
FROM mailboxes_event AS event
LEFT JOIN mailboxes_event AS next ON next.account_id = event.account_id AND next.seq = event.seq + 1
WHERE event.id = %(id)s AND event.account_id = %(account)s
"""
# By halves, along the index of the numbers: they have no gaps, and the moments beside them rise.
OLDEST = """
WITH RECURSIVE halved(low, high) AS (
    SELECT 0::bigint, last_seq + 1 FROM mailboxes_eventcounter WHERE account_id = %(account)s
    UNION ALL
    SELECT CASE WHEN is_old THEN middle.seq ELSE low END, CASE WHEN is_old THEN high ELSE middle.seq END
    FROM halved
    CROSS JOIN LATERAL (SELECT (low + high) / 2 AS seq) AS middle
    CROSS JOIN LATERAL (
        SELECT created_at < %(since)s AS is_old FROM mailboxes_event
        WHERE account_id = %(account)s AND seq = middle.seq
    ) AS looked
    WHERE high - low > 1
)
SELECT max(low) FROM halved
"""
NEWEST = f"SELECT {events.LAST_SHOWN} FROM mailboxes_eventcounter WHERE account_id = %(account)s"  # noqa: S608 - ours
SHOWN = f"""
SELECT seq, id FROM mailboxes_event
WHERE account_id = %(account)s AND seq <= %(seq)s AND {events.IS_SHOWN}
ORDER BY seq DESC LIMIT 1
"""  # noqa: S608 - ours


class Lost(Exception):
    """There is no going on from there. `reason`: `unknown` (garbage, somebody else's, never was) or `expired`."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def find(account_id: UUID, text: str, *, now: datetime) -> int:
    """The number of the event whose id is `text`. Raises Lost."""
    parsed = parse_id(text)
    if parsed is None:
        raise Lost(UNKNOWN)
    rows = statements.run(PLACE, {"id": parsed, "account": account_id, "since": _since(now)})
    if not rows:
        raise Lost(UNKNOWN)
    [(seq, is_expired)] = rows
    if is_expired:
        raise Lost(EXPIRED)
    return int(seq)


def oldest(account_id: UUID, *, now: datetime) -> int:
    """The place behind which all is that may still be read; 0 is before the first event."""
    [(seq,)] = statements.run(OLDEST, {"account": account_id, "since": _since(now)})
    return int(seq or 0)


def newest(account_id: UUID) -> int:
    """The number of the account's last event that agents may learn of."""
    rows = statements.run(NEWEST, {"account": account_id})
    return int(rows[0][0]) if rows else 0


def text_of(account_id: UUID, seq: int) -> str:
    """The id of the event of that number, as `find` takes it, or of the last before it that agents may learn of; START
    for none."""
    return shown(account_id, seq)[1]


def shown(account_id: UUID, seq: int) -> tuple[int, str]:
    """Number and id of that event, or of the last before it that agents may learn of; 0 and START for none."""
    rows = statements.run(SHOWN, {"account": account_id, "seq": seq})
    return (rows[0][0], str(rows[0][1])) if rows else (0, START)


def _since(now: datetime) -> datetime:
    return now - timedelta(days=settings.EVENT_RETENTION_DAYS)
