"""The event log: what happened in an account, in one sequence without gaps, chained by hash."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import takewhile
from uuid import UUID

from . import statements
from .ids import new_id
from .models import Account, Event
from .signals import event_recorded
from .statements import Step

# One statement: the counter's row lock orders the account's writers, each hash is made where the previous one stands.
# Whatever is done in the same statement is the step before, `done`: without a row of it nothing is recorded.
RECORDED = """given AS (
    SELECT * FROM ROWS FROM (
        json_to_recordset(%(given)s::json) AS (id uuid, kind text, subject text, mailbox text, data text)
    ) WITH ORDINALITY AS given(id, kind, subject, mailbox, data, place)
), counter AS (
    SELECT last_seq, last_hash FROM mailboxes_eventcounter
    WHERE account_id = %(account)s AND EXISTS (SELECT FROM done) FOR NO KEY UPDATE
), chain AS (
    SELECT 0::bigint AS place, last_seq::bigint AS seq, last_hash::text AS hash FROM counter
    UNION ALL
    SELECT given.place, chain.seq + 1, encode(sha256(convert_to(concat_ws(
        E'\\n', chain.hash, chain.seq + 1, given.kind, given.subject, given.mailbox, %(at)s::text, given.data
    ), 'UTF8')), 'hex')
    FROM chain JOIN given ON given.place = chain.place + 1
), moved AS (
    UPDATE mailboxes_eventcounter SET last_seq = newest.seq, last_hash = newest.hash,
        hidden_to = CASE WHEN %(hidden)s::int > 0 THEN newest.seq END,
        hidden_from = CASE WHEN %(hidden)s = 0 THEN NULL WHEN NOT %(is_shown)s AND hidden_to = last_seq THEN hidden_from
            ELSE newest.seq - %(hidden)s + 1 END
    FROM (SELECT seq, hash FROM chain ORDER BY place DESC LIMIT 1) AS newest
    WHERE account_id = %(account)s
)"""
TELL_RECORDED = """
INSERT INTO mailboxes_event (id, account_id, seq, kind, subject, mailbox_id, data, created_at, hash)
SELECT given.id, %(account)s, chain.seq, given.kind, given.subject, NULLIF(given.mailbox, '')::uuid, given.data,
       %(at)s::timestamptz, chain.hash
FROM chain JOIN given USING (place)
ORDER BY place
RETURNING seq, hash
"""

NOTHING_ELSE = Step("done AS (SELECT)", {})

# In the data of what no agent is ever told of, not even by a place in the log: what became of received mail before a
# human let it be seen. In canonical JSON nothing else reads so: a quote within a text has a backslash before it.
HIDDEN: Mapping[str, object] = {"hidden": True}
HIDDEN_TEXT = '"hidden":true'
# Conditions on an event's `data`, and the place of the last event that agents may learn of, from the account's counter.
# Less than one, not zero: of an equation the planner believes that hardly any row meets it, and reads all of them.
IS_SHOWN = f"position('{HIDDEN_TEXT}' in data) < 1"
LAST_SHOWN = "CASE WHEN hidden_to = last_seq THEN hidden_from - 1 ELSE last_seq END"

# The hash of RECORDED, made anew from each row and its predecessor; the ids of those rows where it differs.
EXPECTED_HASH = """encode(sha256(convert_to(concat_ws(E'\\n',
    coalesce(lag(hash) OVER (PARTITION BY account_id ORDER BY seq), ''), seq, kind, subject,
    coalesce(mailbox_id::text, ''), to_char(created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
    data), 'UTF8')), 'hex')"""
BROKEN_LINKS = f"""
SELECT id FROM (SELECT id, hash, {EXPECTED_HASH} AS expected FROM mailboxes_event) AS chain WHERE hash <> expected
"""  # noqa: S608 - ours


@dataclass(frozen=True, slots=True)
class Happening:
    """What an event tells. `subject` is the public id of what it happened to; `data` public ids and small facts."""

    kind: str
    subject: str
    data: Mapping[str, object]
    mailbox_id: UUID | None = None


def record(
    account: Account | UUID,
    kind: str,
    *,
    subject: str,
    data: Mapping[str, object],
    now: datetime,
    mailbox_id: UUID | None = None,
) -> Event:
    """Append one event to the account's log, as `record_all` does."""
    (event,) = record_all(account, [Happening(kind, subject, data, mailbox_id)], now=now)
    return event


def record_all(
    account: Account | UUID, happenings: Sequence[Happening], *, now: datetime, told_of: Step = NOTHING_ELSE
) -> list[Event]:
    """Append events in this order to the account's log, in the caller's transaction.

    `told_of` is what they tell of, where that is done by the same statement: a step named `done`. Unless it gives a
    row, nothing is recorded, and the answer is empty.

    The counter stays locked until the transaction ends, so take every other row lock first; and the counters of several
    accounts as `in_lock_order` says.
    """
    if not happenings:
        return []
    account_id = account.pk if isinstance(account, Account) else account
    recorded = [
        Event(
            id=new_id(),
            account_id=account_id,
            kind=one.kind,
            subject=one.subject,
            mailbox_id=one.mailbox_id,
            data=canonical(one.data),
            created_at=now,
        )
        for one in happenings
    ]
    given = [
        {
            "id": event.pk.hex,
            "kind": event.kind,
            "subject": event.subject,
            "mailbox": str(event.mailbox_id or ""),
            "data": event.data,
        }
        for event in recorded
    ]
    hidden_count = _hidden_at_the_end(recorded)
    named = {
        "account": account_id,
        "given": json.dumps(given),
        "at": moment_text(now),
        "hidden": hidden_count,
        "is_shown": hidden_count < len(recorded),
    }
    places = statements.run_steps([told_of, Step(RECORDED, named)], TELL_RECORDED)
    if not places:
        return []
    for event, (seq, chain_hash) in zip(recorded, places, strict=True):
        event.seq, event.hash = seq, chain_hash
    for event in recorded:
        event_recorded.send(sender=Event, event=event)
    return recorded


def in_lock_order(account_ids: Iterable[UUID]) -> list[UUID]:
    """The order in which one transaction locks the counters of several accounts: by id, and the house's own last.

    A mail of the house that is written within an account's transaction locks the two so.
    """
    ids = sorted(set(account_ids))
    if len(ids) > 1:
        house = Account.objects.filter(is_platform=True).values_list("pk", flat=True).first()
        ids.sort(key=lambda one: (one == house, one))
    return ids


def is_hidden(data: str) -> bool:
    """Whether no agent may learn of an event with this data."""
    return HIDDEN_TEXT in data


def _hidden_at_the_end(recorded: Sequence[Event]) -> int:
    return len(list(takewhile(lambda event: is_hidden(event.data), reversed(recorded))))


def after(account: Account, cursor: int, *, limit: int) -> list[Event]:
    """The events of the account behind position `cursor`, oldest first, at most `limit`."""
    return list(Event.objects.filter(account=account, seq__gt=cursor).order_by("seq")[:limit])


def canonical(data: Mapping[str, object]) -> str:
    """JSON text with sorted keys and no spaces: the characters that the hash covers."""
    return json.dumps(data, sort_keys=True, separators=(",", ":"), default=str)


def moment_text(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
