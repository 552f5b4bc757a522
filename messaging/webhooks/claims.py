"""Claims: deliveries that are due, leased by this process for as long as telling them takes.

A lease is the row's `leased_until`, to the microsecond: whoever ends one names it, so that a process that was away for
longer than its lease changes nothing that another one has done since.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db import transaction

from mailboxes import statements

from . import shares
from .shares import Places, Waiting

# Beyond the time of an attempt: for rendering before it, and for a database that is away after it.
LEASE_SLACK = timedelta(seconds=45)
LOOKED_AT = 1000
# So many times as much as can be told at once is claimed: many by one statement, and no thread waits for the next.
AHEAD = 8

# How many are in hand, of whom.
HELD = """
SELECT w.account_id, d.endpoint_id, count(*) FROM messaging_webhookdelivery AS d
JOIN messaging_webhookendpoint AS w ON w.id = d.endpoint_id
WHERE d.leased_until > %(now)s GROUP BY 1, 2
"""
# From endpoint to endpoint along the index, one step each, however many deliveries one of them holds back. In order:
# while the first of the line is not due, nothing of the line is.
LOOK = """
WITH RECURSIVE waiting(id) AS (
    (SELECT endpoint_id FROM messaging_webhookdelivery WHERE status = 'PENDING' ORDER BY endpoint_id LIMIT 1)
    UNION ALL
    SELECT (SELECT d.endpoint_id FROM messaging_webhookdelivery AS d
            WHERE d.status = 'PENDING' AND d.endpoint_id > waiting.id ORDER BY d.endpoint_id LIMIT 1)
    FROM waiting WHERE waiting.id IS NOT NULL
), listening AS MATERIALIZED (
    SELECT w.id, w.account_id, w.failure_count > 0 AS is_failing, w.is_ordered
    FROM waiting
    JOIN messaging_webhookendpoint AS w ON w.id = waiting.id
    JOIN mailboxes_account AS a ON a.id = w.account_id
    LEFT JOIN mailboxes_mailbox AS box ON box.id = w.mailbox_id
    WHERE w.status = 'ACTIVE' AND a.departed_at IS NULL AND box.deleted_at IS NULL
        AND w.id <> ALL(%(full)s) AND (w.id <> ALL(%(busy)s) OR w.failure_count = 0 AND NOT w.is_ordered)
        AND (%(with_failing)s OR w.failure_count = 0)
)
SELECT listening.* FROM listening CROSS JOIN LATERAL (SELECT CASE
    WHEN is_ordered THEN (
        SELECT d.next_at FROM messaging_webhookdelivery AS d
        WHERE d.endpoint_id = listening.id AND d.status = 'PENDING' ORDER BY d.event_seq LIMIT 1)
    ELSE (
        SELECT d.next_at FROM messaging_webhookdelivery AS d
        WHERE d.endpoint_id = listening.id AND d.status = 'PENDING'
            AND (d.leased_until IS NULL OR d.leased_until <= %(now)s)
        ORDER BY d.next_at LIMIT 1) END AS at) AS due
WHERE due.at <= %(now)s ORDER BY due.at LIMIT %(most)s
"""
LOCK = """
SELECT id FROM messaging_webhookendpoint WHERE id = ANY(%(ids)s) AND status = 'ACTIVE'
ORDER BY id FOR NO KEY UPDATE SKIP LOCKED
"""
# After the lock, so that what others have leased before it is seen: never more than an endpoint may have.
TAKE = """
WITH asked AS (
    SELECT w.id, w.is_ordered, greatest(0, least(given.share,
        CASE WHEN w.is_ordered OR w.failure_count > 0 THEN 1 ELSE %(most)s END - (
            SELECT count(*) FROM messaging_webhookdelivery AS d
            WHERE d.endpoint_id = w.id AND d.leased_until > %(now)s))) AS room
    FROM unnest(%(ids)s::uuid[], %(shares)s::int[]) AS given(id, share)
    JOIN messaging_webhookendpoint AS w ON w.id = given.id
), chosen AS (
    SELECT one.id FROM asked CROSS JOIN LATERAL (
        SELECT d.id FROM messaging_webhookdelivery AS d
        WHERE NOT asked.is_ordered AND d.endpoint_id = asked.id AND d.status = 'PENDING' AND d.next_at <= %(now)s
            AND (d.leased_until IS NULL OR d.leased_until <= %(now)s)
        ORDER BY d.next_at, d.event_seq LIMIT asked.room
    ) AS one
    UNION ALL
    SELECT head.id FROM asked CROSS JOIN LATERAL (
        SELECT d.id, d.next_at FROM messaging_webhookdelivery AS d
        WHERE asked.is_ordered AND d.endpoint_id = asked.id AND d.status = 'PENDING'
        ORDER BY d.event_seq LIMIT 1
    ) AS head
    WHERE asked.room > 0 AND head.next_at <= %(now)s
)
UPDATE messaging_webhookdelivery AS d SET leased_until = %(until)s
WHERE d.id = ANY(ARRAY(SELECT id FROM chosen)) AND d.status = 'PENDING' AND d.next_at <= %(now)s
    AND (d.leased_until IS NULL OR d.leased_until <= %(now)s)
RETURNING d.id, d.endpoint_id, d.event_id, d.event_seq, d.attempts + 1, d.attempts_before, d.leased_until
"""
GIVE_BACK = """
UPDATE messaging_webhookdelivery AS d SET leased_until = NULL
FROM unnest(%(ids)s::uuid[], %(leases)s::timestamptz[]) AS given(id, lease)
WHERE d.id = given.id AND d.leased_until = given.lease
"""


@dataclass(frozen=True, slots=True, eq=False)
class Claim:
    """One delivery that this process is to tell, as attempt `number`, before `leased_until`. Equal to itself only."""

    delivery_id: UUID
    endpoint_id: UUID
    event_id: UUID
    event_seq: int
    number: int
    attempts_before: int
    leased_until: datetime
    is_failing: bool

    @property
    def try_number(self) -> int:
        """Which attempt of the present schedule this is, from 1."""
        return self.number - self.attempts_before


def claim_due(*, free: int, for_failing: int, now: datetime) -> list[Claim]:
    """Lease up to `free` deliveries, of endpoints that failed last up to `for_failing`, in the order of the log."""
    held = statements.run(HELD, {"now": now})
    waiting = _look({endpoint_id: count for _, endpoint_id, count in held}, with_failing=for_failing > 0, now=now)
    taken: Counter[UUID] = Counter()
    for account_id, _, count in held:
        taken[account_id] += count
    most_of_account = max(settings.WEBHOOK_THREADS // 2, 1) * AHEAD
    places = Places(free, for_failing, taken, most_of_account)
    shared = shares.share_out(waiting, places)
    failing = frozenset(one.endpoint_id for one in waiting if one.is_failing)
    return _take(shared, failing, now=now) if shared else []


def give_back(claims: Collection[Claim]) -> None:
    """End these leases: the deliveries are due as they were."""
    ids, leases = [one.delivery_id for one in claims], [one.leased_until for one in claims]
    statements.run(GIVE_BACK, {"ids": ids, "leases": leases})


def _look(held: Mapping[UUID, int], *, with_failing: bool, now: datetime) -> list[Waiting]:
    """The endpoints with deliveries that are due and with room for one more, the longest due first."""
    most = settings.WEBHOOK_AT_ONCE * AHEAD
    full = [pk for pk, count in held.items() if count >= most]
    named = {"now": now, "full": full, "busy": list(held), "with_failing": with_failing, "most": LOOKED_AT}
    return [
        Waiting(pk, account_id, is_failing, (1 if is_failing or is_ordered else most) - held.get(pk, 0))
        for pk, account_id, is_failing, is_ordered in statements.run(LOOK, named)
    ]


def _take(shared: Mapping[UUID, int], failing: frozenset[UUID], *, now: datetime) -> list[Claim]:
    until = now + timedelta(seconds=settings.WEBHOOK_SECONDS) + LEASE_SLACK
    with transaction.atomic():
        locked = [pk for (pk,) in statements.run(LOCK, {"ids": list(shared)})]
        if not locked:
            return []
        named = {
            "ids": locked,
            "shares": [shared[pk] for pk in locked],
            "most": settings.WEBHOOK_AT_ONCE * AHEAD,
            "now": now,
            "until": until,
        }
        claims = [Claim(*(*row, row[1] in failing)) for row in statements.run(TAKE, named)]
    return sorted(claims, key=lambda one: one.event_seq)
