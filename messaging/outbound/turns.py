"""Whose mail is claimed next: accounts with due mail take turns, so nobody's queue makes another's mail wait."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from datetime import datetime
from itertools import chain, zip_longest
from typing import Any
from uuid import UUID

from mailboxes import statements, switch

NOBODY = UUID(int=0)

# From account to account along the index, one step each however many mails one of them has, from the one that had the
# last turn on and once around. Those that may send and have something due share the claim.
#
# Each one's mail is walked in the order of what is due longest, whatever the planner believes of tables that a burst
# has just filled: LATERAL with OFFSET 0 or a lock is not turned around, and nothing that is due is sorted. A line is a
# range and not a value, since then only its own index has the order: along the index of all that is due a quiet
# account's mail stands behind everybody else's.
# FOR SHARE on the account, and the gate: a stop that has committed is seen, a later one waits for this claim.
NO_SORT = "SET LOCAL enable_sort = off"
LINES = """
round(account, is_second) AS (
    SELECT %(after)s::uuid, false
    UNION ALL
    SELECT coalesce(further.line, '00000000-0000-0000-0000-000000000000'), round.is_second OR further.line IS NULL
    FROM round LEFT JOIN LATERAL (
        SELECT line FROM messaging_recipient r
        WHERE r.next_at IS NOT NULL AND r.line > round.account ORDER BY r.line LIMIT 1
    ) AS further ON true
    WHERE NOT round.is_second OR further.line <= %(after)s::uuid
),
waiting AS MATERIALIZED (
    SELECT a.id FROM (SELECT account FROM round OFFSET 1) AS round CROSS JOIN LATERAL (
        SELECT a.id FROM mailboxes_account a
        WHERE a.id = round.account AND a.id <> ALL(%(but)s::uuid[])
            AND a.stopped_at IS NULL AND a.suspended_at IS NULL AND (
            SELECT r.next_at FROM messaging_recipient r
            WHERE r.line BETWEEN a.id AND a.id AND r.next_at IS NOT NULL ORDER BY r.line, r.next_at LIMIT 1
        ) <= %(now)s
        OFFSET 0
    ) AS a
    LIMIT %(limit)s
)"""
SOMEBODY = f"WITH RECURSIVE {LINES} SELECT EXISTS (SELECT FROM waiting)"  # noqa: S608 - ours
DUE = f"""
WITH RECURSIVE gate AS ({switch.GATE}),
{LINES},
share AS MATERIALIZED (SELECT ceil(%(limit)s::float / greatest(count(*), 1))::int AS size FROM waiting)
SELECT due.id, waiting.id, share.size
FROM waiting CROSS JOIN share CROSS JOIN LATERAL (
    SELECT r.id
    FROM messaging_recipient r
    CROSS JOIN LATERAL (
        SELECT m.account_id, m.mailbox_id, m.agent_id, m.key_id FROM messaging_message m
        WHERE m.id = r.message_id AND m.status IN ('queued', 'sending')
        OFFSET 0
    ) AS m
    CROSS JOIN LATERAL (
        SELECT FROM mailboxes_mailbox b
        WHERE b.id = m.mailbox_id AND b.status = 'ACTIVE' AND b.mode <> 'read_only' AND b.deleted_at IS NULL
        OFFSET 0
    ) AS b
    CROSS JOIN LATERAL (
        SELECT FROM mailboxes_account a
        WHERE a.id = m.account_id AND a.stopped_at IS NULL AND a.suspended_at IS NULL
            AND {switch.of("a", "m.mailbox_id", "m.agent_id", "m.key_id")}
        FOR SHARE
    ) AS a
    WHERE {switch.EVERYTHING_GOES} AND r.line BETWEEN waiting.id AND waiting.id
        AND r.state IN ('waiting', 'deferred') AND r.next_at <= %(now)s
    ORDER BY r.line, r.next_at
    LIMIT share.size
    FOR NO KEY UPDATE OF r SKIP LOCKED
) AS due
"""  # noqa: S608 - ours


class Turns:
    """Where the round of the accounts stands for one that claims.

    `is_more` says after a claim that an account had all of its share taken, and may have more that is due.
    """

    def __init__(self, *, after: UUID = NOBODY, but: Collection[UUID] = ()) -> None:
        self._before = self._after = after
        self._but = list(but)
        self.is_more = False

    def is_anybody_waiting(self, *, now: datetime) -> bool:
        """Whether a claim would probably find something; asked without any lock, in one short statement."""
        ((is_so,),) = statements.run(SOMEBODY, self._named(1, now))
        return bool(is_so)

    def take(self, *, limit: int, now: datetime) -> list[UUID]:
        """Up to `limit` due recipients, locked: a first one of each account, then a second one of each."""
        statements.run(NO_SORT, {})
        lines: defaultdict[UUID, list[UUID]] = defaultdict(list)
        share = 0
        for recipient, account, share in statements.run(DUE, self._named(limit, now)):  # noqa: B007 - the same in each
            lines[account].append(recipient)
        self._before, self._after = self._after, next(reversed(lines), self._after)
        self.is_more = any(len(line) == share for line in lines.values())
        in_turn = chain.from_iterable(zip_longest(*lines.values()))
        return [recipient for recipient in in_turn if recipient is not None][:limit]

    def step_back(self) -> None:
        """What was taken last was not kept: the same accounts come again."""
        self._after = self._before

    def _named(self, limit: int, now: datetime) -> dict[str, Any]:
        return {"now": now, "limit": limit, "after": self._after, "but": self._but}
