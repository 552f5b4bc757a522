"""Which raw messages a worker takes to read and file, so that no other does meanwhile; and what waits for later."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import F

from mailboxes import statements
from messaging.models import RawMessage

# What is read into memory at a time: this many bytes, or one mail.
BATCH_BYTES = 8 * 1024**2
# So many more than it wants does a worker look at: those in front may be in the hands of others.
LOOKED_AT = 10
FIRST_PAUSE = timedelta(seconds=2)
LONGEST_PAUSE = timedelta(hours=1)
MAX_DOUBLINGS = 12

# A session's advisory locks: no transaction stays open while we read, and a killed worker's claim ends with its
# connection. LIMIT stops asking for locks at the last one that is wanted. The length is known without reading the mail.
CLAIM = """
WITH due AS MATERIALIZED (
    SELECT raw.id, octet_length(raw.raw) AS size
    FROM messaging_rawmessage AS raw LEFT JOIN mailboxes_mailbox AS box ON box.id = raw.mailbox_id
    WHERE raw.processed_at IS NULL AND raw.due_at <= %(now)s
        AND (box.id IS NULL OR box.status <> 'PAUSED' OR box.deleted_at IS NOT NULL)
    ORDER BY raw.due_at, raw.id LIMIT %(looked_at)s
)
SELECT id, size FROM due WHERE pg_try_advisory_lock(hashtextextended('intake ' || id, 0)) LIMIT %(limit)s
"""
UNLOCK = "SELECT pg_advisory_unlock(hashtextextended('intake ' || id, 0)) FROM unnest(%(ids)s::uuid[]) AS id"


@contextmanager
def claimed(*, limit: int, now: datetime) -> Iterator[list[RawMessage]]:
    """Up to `limit` raw messages that are due, longest due first. What is for a paused mailbox is not due."""
    parameters = {"now": now, "limit": limit, "looked_at": limit * LOOKED_AT}
    found: list[tuple[UUID, int]] = statements.run(CLAIM, parameters)
    try:
        # Looked at again now that they are ours: another worker may have filed one just before.
        ours = RawMessage.objects.filter(pk__in=_first_of(found), processed_at__isnull=True, due_at__isnull=False)
        yield list(ours.order_by("due_at", "pk")) if found else []
    finally:
        statements.run(UNLOCK, {"ids": [pk for pk, _ in found]})


def put_off(row: RawMessage, *, now: datetime) -> None:
    """After a failure: to the back of the line, for longer each time, so that it holds up nobody. What was held
    meanwhile, its mailbox being paused, stays so."""
    pause = min(FIRST_PAUSE * 2 ** min(row.failures_count, MAX_DOUBLINGS), LONGEST_PAUSE)
    unprocessed = RawMessage.objects.filter(pk=row.pk, processed_at__isnull=True, due_at__isnull=False)
    unprocessed.update(due_at=now + pause, failures_count=F("failures_count") + 1)


def _first_of(found: list[tuple[UUID, int]]) -> list[UUID]:
    taken: list[UUID] = []
    size = 0
    for pk, length in found:
        size += length
        if taken and size > BATCH_BYTES:
            break
        taken.append(pk)
    return taken
