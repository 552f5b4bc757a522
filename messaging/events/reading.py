"""The log, page by page: what is behind a place, rendered."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from mailboxes import events, statements

from .entries import COLUMNS, Logged
from .rendering import Told, render

# So much of the log is looked at for one page at most, however few of its events are asked for.
WINDOW = 10_000
# A page of long mails ends early, so that nobody's memory holds a thousand of them.
PAGE_BYTES = 4 * 1024 * 1024
FIRST_SLICE, GROWTH = 50, 4

# One statement, so that the end of the log is the one that its events are read from.
EVENTS = """
SELECT head.last_seq, head.last_shown, {columns}
FROM (SELECT last_seq, {last_shown} AS last_shown FROM mailboxes_eventcounter WHERE account_id = %(account)s) AS head
LEFT JOIN LATERAL (
    SELECT {columns} FROM mailboxes_event AS event
    WHERE account_id = %(account)s AND seq > %(after)s AND seq <= %(until)s AND {is_shown} {filters}
    ORDER BY seq LIMIT %(limit)s
) AS event ON true
ORDER BY event.seq
"""
OF_KINDS = "AND kind = ANY(%(kinds)s)"
OF_MAILBOXES = "AND mailbox_id = ANY(%(mailboxes)s)"


@dataclass(frozen=True, slots=True)
class Page:
    """Events in their order. The log was looked at up to `last`; `has_more` if it goes on behind that.

    `last_shown` is the end of the log for those who may not learn of what is hidden: what they are told of places is
    told with it.
    """

    told: list[Told]
    last: int
    has_more: bool
    last_shown: int


def page(
    account_id: UUID,
    *,
    after: int,
    limit: int,
    kinds: Collection[str] | None = None,
    mailbox_ids: Collection[UUID] | None = None,
    now: datetime,
) -> Page:
    """At most `limit` events behind `after`, of these kinds and mailboxes (None: of all).

    May be empty, or short, with more behind it: read on from `last`.
    """
    head, last_shown, found = _find(account_id, after=after, limit=limit, kinds=kinds, mailbox_ids=mailbox_ids)
    told, seen = _rendered(account_id, found, now=now)
    is_cut_short = seen < len(found) or len(found) == limit
    last = found[seen - 1].seq if is_cut_short else max(after, min(head, after + WINDOW))
    return Page(told, last, has_more=last < head, last_shown=last_shown)


def _find(
    account_id: UUID,
    *,
    after: int,
    limit: int,
    kinds: Collection[str] | None,
    mailbox_ids: Collection[UUID] | None,
) -> tuple[int, int, list[Logged]]:
    """The number of the log's last event, that of the last which agents may learn of, and the events."""
    filters = " ".join([OF_KINDS if kinds is not None else "", OF_MAILBOXES if mailbox_ids is not None else ""])
    named = {"account": account_id, "after": after, "until": after + WINDOW, "limit": limit}
    named |= {"kinds": list(kinds or ()), "mailboxes": list(mailbox_ids or ())}
    text = EVENTS.format(columns=COLUMNS, filters=filters, last_shown=events.LAST_SHOWN, is_shown=events.IS_SHOWN)
    rows = statements.run(text, named)
    head, last_shown = rows[0][:2] if rows else (0, 0)
    return head, last_shown, [Logged._make(row[2:]) for row in rows if row[2] is not None]


def _rendered(account_id: UUID, found: Sequence[Logged], *, now: datetime) -> tuple[list[Told], int]:
    """What is told of them, and how many of them were looked at until there was enough."""
    told: list[Told] = []
    seen, bytes_told, step = 0, 0, FIRST_SLICE
    while seen < len(found) and bytes_told < PAGE_BYTES:
        more = render(account_id, found[seen : seen + step], now=now)
        bytes_told += sum(len(one.body) for one in more)
        told += more
        seen += step
        step *= GROWTH
    return told, min(seen, len(found))
