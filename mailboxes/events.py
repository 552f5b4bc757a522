"""The event log: what happened in an account, in one sequence without gaps, chained by hash."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from django.db import connection

from .ids import new_id
from .models import Account, Event
from .signals import event_recorded

# One statement: the counter's row lock orders the account's writers, the hash is made where the previous one stands.
RECORD = """
WITH head AS (
    UPDATE mailboxes_eventcounter SET
        last_seq = last_seq + 1,
        last_hash = encode(sha256(convert_to(
            concat_ws(E'\\n', last_hash, last_seq + 1, %(kind)s, %(subject)s, %(mailbox)s, %(at)s, %(data)s), 'UTF8'
        )), 'hex')
    WHERE account_id = %(account)s
    RETURNING last_seq, last_hash
)
INSERT INTO mailboxes_event (id, account_id, seq, kind, subject, mailbox_id, data, created_at, hash)
SELECT %(id)s, %(account)s, last_seq, %(kind)s, %(subject)s, NULLIF(%(mailbox)s, '')::uuid, %(data)s,
       %(at)s::timestamptz, last_hash
FROM head
RETURNING seq, hash
"""

# The hash of RECORD, made anew from each row and its predecessor; the ids of those rows where it differs.
BROKEN_LINKS = """
SELECT id FROM (
    SELECT id, hash, encode(sha256(convert_to(concat_ws(E'\\n',
        coalesce(lag(hash) OVER (PARTITION BY account_id ORDER BY seq), ''), seq, kind, subject,
        coalesce(mailbox_id::text, ''), to_char(created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
        data), 'UTF8')), 'hex') AS expected
    FROM mailboxes_event
) AS chain WHERE hash <> expected
"""


def record(
    account: Account | UUID,
    kind: str,
    *,
    subject: str,
    data: Mapping[str, object],
    now: datetime,
    mailbox_id: UUID | None = None,
) -> Event:
    """Append one event to the account's log, in the caller's transaction.

    `subject` is the public id of what it happened to; `data` holds public ids and small facts only. The counter stays
    locked until the transaction ends, so take every other row lock first.
    """
    account_id = account.pk if isinstance(account, Account) else account
    event = Event(
        id=new_id(),
        account_id=account_id,
        kind=kind,
        subject=subject,
        mailbox_id=mailbox_id,
        data=canonical(data),
        created_at=now,
    )
    with connection.cursor() as cursor:
        cursor.execute(
            RECORD,
            {
                "id": event.id,
                "account": account_id,
                "kind": kind,
                "subject": subject,
                "mailbox": str(mailbox_id or ""),
                "data": event.data,
                "at": moment_text(now),
            },
        )
        event.seq, event.hash = cursor.fetchone()
    event_recorded.send(sender=Event, event=event)
    return event


def after(account: Account, cursor: int, *, limit: int) -> list[Event]:
    """The events of the account behind position `cursor`, oldest first, at most `limit`."""
    return list(Event.objects.filter(account=account, seq__gt=cursor).order_by("seq")[:limit])


def canonical(data: Mapping[str, object]) -> str:
    """JSON text with sorted keys and no spaces: the characters that the hash covers."""
    return json.dumps(data, sort_keys=True, separators=(",", ":"), default=str)


def moment_text(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
