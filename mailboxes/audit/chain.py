"""The walk along an account's log: each event follows from the one before, and none is missing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from mailboxes import statements
from mailboxes.events import EXPECTED_HASH

AT_ONCE = 50_000

# The event before the first of a part is read along with it: the part's first hash is made from its hash.
WALK = f"""
WITH part AS (
    SELECT * FROM mailboxes_event WHERE account_id = %(account)s AND seq >= %(after)s ORDER BY seq LIMIT %(limit)s
), link AS (
    SELECT seq, hash, coalesce(lag(seq) OVER (PARTITION BY account_id ORDER BY seq), 0) AS before,
        {EXPECTED_HASH} AS expected
    FROM part
), fault AS (
    SELECT seq, before FROM link
    WHERE seq > %(after)s AND (before <> seq - 1 OR hash <> expected) ORDER BY seq LIMIT 1
)
SELECT (SELECT max(seq) FROM part), (SELECT count(*) FROM part WHERE seq > %(after)s),
    (SELECT seq FROM fault), (SELECT before FROM fault)
"""  # noqa: S608 - ours
HEAD = """
SELECT c.last_seq, c.last_hash, coalesce(max(e.seq), 0),
    (SELECT hash FROM mailboxes_event WHERE account_id = c.account_id ORDER BY seq DESC LIMIT 1)
FROM mailboxes_eventcounter c LEFT JOIN mailboxes_event e ON e.account_id = c.account_id
WHERE c.account_id = %(account)s
GROUP BY c.account_id, c.last_seq, c.last_hash
"""


@dataclass(frozen=True, slots=True)
class Fault:
    """The first place where a log is not what was written. `seq` is the first event that is missing or not the one
    that stood there."""

    account_id: UUID
    seq: int
    text: str


def find_fault(account_id: UUID, *, on_part: Callable[[int], None] = lambda count: None) -> Fault | None:
    """The first fault of the account's log by its own hashes, or None. `on_part` hears how many events were read.

    Whoever rewrites a whole log with new hashes, or cuts its end and the counter with it, is found by `heads` only.
    """
    after = 0
    while True:
        named: dict[str, Any] = {"account": account_id, "after": after, "limit": AT_ONCE}
        ((last, count, seq, before),) = statements.run(WALK, named)
        on_part(count)
        if seq is not None:
            return _fault(account_id, seq, before)
        if not count:
            return _fault_of_head(account_id, last=after)
        after = last


def _fault(account_id: UUID, seq: int, before: int) -> Fault:
    if before + 1 < seq:
        missing = f"event {before + 1} is" if before + 2 == seq else f"events {before + 1} to {seq - 1} are"
        return Fault(account_id, before + 1, f"{missing} missing")
    follows = f"does not follow from event {seq - 1}: one of the two" if seq > 1 else "is not what was written: it"
    return Fault(account_id, seq, f"event {seq} {follows} was changed")


def _fault_of_head(account_id: UUID, *, last: int) -> Fault | None:
    rows = statements.run(HEAD, {"account": account_id})
    if not rows:
        return Fault(account_id, 1, "its counter is missing")
    ((counted, counted_hash, newest, newest_hash),) = rows
    if counted > newest:
        return Fault(account_id, newest + 1, f"the log ends at {newest}, and {counted} events were counted")
    if newest == last and counted_hash != (newest_hash or ""):
        return Fault(account_id, newest, f"event {newest} is not the one that was counted last")
    return None  # events may have been added since the walk began
