"""From the event log into rows: a delivery for each endpoint that is to be told of an event.

An account's events commit in the order of their places (`mailboxes.events`), so what stands before a cursor that was
moved is whole: nothing comes in behind it later.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from django.conf import settings
from django.db import transaction

from mailboxes import events, statements
from messaging.events import catalog
from messaging.models import EVERYTHING

from . import matching

ENDPOINTS = 200
EVENTS = 1000

FAN_OUT = f"""
WITH behind AS MATERIALIZED (
    SELECT w.id, w.account_id, w.mailbox_id, w.events, w.tags, w.cursor, c.last_seq
    FROM messaging_webhookendpoint AS w
    JOIN mailboxes_eventcounter AS c ON c.account_id = w.account_id
    JOIN mailboxes_account AS a ON a.id = w.account_id
    LEFT JOIN mailboxes_mailbox AS box ON box.id = w.mailbox_id
    WHERE w.status = 'ACTIVE' AND w.cursor < c.last_seq AND a.departed_at IS NULL AND box.deleted_at IS NULL
    ORDER BY random() LIMIT %(endpoints)s
    FOR NO KEY UPDATE OF w SKIP LOCKED
), started AS MATERIALIZED (
    SELECT behind.*, CASE
        WHEN (
            SELECT e.created_at FROM mailboxes_event AS e
            WHERE e.account_id = behind.account_id AND e.seq = behind.cursor + 1
        ) >= %(oldest)s THEN cursor
        ELSE coalesce((
            SELECT e.seq - 1 FROM mailboxes_event AS e
            WHERE e.account_id = behind.account_id AND e.seq > behind.cursor AND e.created_at >= %(oldest)s
            ORDER BY e.seq LIMIT 1
        ), last_seq) END AS start
    FROM behind
), found AS MATERIALIZED (
    SELECT started.id AS endpoint_id, started.mailbox_id AS only_mailbox, started.events, started.tags,
        e.id, e.seq, e.kind, e.subject, e.mailbox_id, e.data
    FROM started JOIN mailboxes_event AS e
        -- Places have no gaps, so no line has to be sorted to take its first thousand.
        ON e.account_id = started.account_id AND e.seq > started.start AND e.seq <= started.start + %(events)s
), {matching.WANTED}, told AS (
    {matching.INTO}
    {matching.ROWS}
    ON CONFLICT DO NOTHING
), reached AS (
    SELECT started.id, started.cursor, started.start, coalesce(max(found.seq), started.start) AS seq
    FROM started LEFT JOIN found ON found.endpoint_id = started.id
    GROUP BY started.id, started.cursor, started.start
)
UPDATE messaging_webhookendpoint AS w SET cursor = reached.seq FROM reached WHERE w.id = reached.id
RETURNING w.id, w.account_id, w.mailbox_id, reached.cursor, reached.start, reached.seq
"""  # noqa: S608 - ours


class Moved(NamedTuple):
    """An endpoint whose cursor went from `cursor` to `seq`. What stands up to `start` was too old to be told."""

    endpoint_id: UUID
    account_id: UUID
    mailbox_id: UUID | None
    cursor: int
    start: int
    seq: int


def fan_out(*, now: datetime, endpoints: int = ENDPOINTS, most: int = EVENTS) -> bool:
    """Make deliveries of the next `most` events of each endpoint that is behind; whether there may be more to do.

    Any number of processes may do so at once: an endpoint is one's at a time. Lock order: endpoints → event counters.
    """
    named = {
        "now": now,
        "oldest": now - timedelta(days=settings.EVENT_RETENTION_DAYS),
        "endpoints": endpoints,
        "events": most,
        "kinds": list(matching.KINDS),
        "of_received": list(catalog.OF_RECEIVED_MAIL),
        "everything": EVERYTHING,
    }
    with transaction.atomic():
        moved = [Moved._make(row) for row in statements.run(FAN_OUT, named)]
        for one in sorted(moved, key=lambda one: one.account_id):
            if one.start > one.cursor:
                _tell_of_gap(one, now=now)
    return len(moved) == endpoints or any(one.seq - one.start >= most for one in moved)


def _tell_of_gap(one: Moved, *, now: datetime) -> None:
    data = {"webhook_id": str(one.endpoint_id), "after": one.cursor, "up_to": one.start}
    events.record(
        one.account_id,
        "webhook.skipped",
        subject=str(one.endpoint_id),
        data=data,
        now=now,
        mailbox_id=one.mailbox_id,
    )
