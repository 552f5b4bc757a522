"""Which lanes have mail waiting, how much, and for which rules: for the tabs and filters of the queue.

Value by value along the index: the cost grows with the lanes and rules, not with what waits in them.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from mailboxes import statements
from mailboxes.models import Scope
from mailboxes.principals import Principal

# Nobody counts on; more lanes and rules than that are not listed.
MOST_COUNTED, MOST_LISTED = 10_000, 30
SOON_IS = timedelta(hours=1)

FOUND = """
WITH RECURSIVE lane(name, number) AS (
    (SELECT lane::text, 1 FROM oversight_review WHERE account_id = %(account)s AND state = 'open' AND lane <> ''
     ORDER BY lane LIMIT 1)
    UNION ALL
    SELECT (SELECT w.lane::text FROM oversight_review w
            WHERE w.account_id = %(account)s AND w.state = 'open' AND w.lane <> '' AND w.lane > lane.name
            ORDER BY w.lane LIMIT 1), number + 1
    FROM lane WHERE name IS NOT NULL AND number <= %(listed)s
), rule(code, number) AS (
    (SELECT reason_code::text, 1 FROM oversight_review WHERE account_id = %(account)s AND state = 'open'
     ORDER BY reason_code LIMIT 1)
    UNION ALL
    SELECT (SELECT w.reason_code::text FROM oversight_review w
            WHERE w.account_id = %(account)s AND w.state = 'open' AND w.reason_code > rule.code
            ORDER BY w.reason_code LIMIT 1), number + 1
    FROM rule WHERE code IS NOT NULL AND number <= %(listed)s
)
SELECT 'lane', name, {counted_in_lane} FROM lane WHERE name IS NOT NULL
UNION ALL
SELECT 'rule', code, 0 FROM rule WHERE code IS NOT NULL
UNION ALL
SELECT 'all', '', {counted}
UNION ALL
SELECT 'soon', '', {counted_soon}
"""
COUNTED = """(
    SELECT count(*) FROM (
        SELECT FROM oversight_review w
        WHERE w.account_id = %(account)s AND w.state = 'open' {where}
            AND (w.snoozed_until IS NULL OR w.snoozed_until <= %(now)s)
            AND w.mailbox_id NOT IN (SELECT id FROM mailboxes_mailbox
                                     WHERE account_id = %(account)s AND deleted_at IS NOT NULL)
        ORDER BY w.expires_at LIMIT %(most)s + 1
    ) AS counted
)"""
IN_LANE = COUNTED.format(where="AND w.lane <> '' AND w.lane = lane.name")
SOON = COUNTED.format(where="AND w.expires_at <= %(soon)s")
FOUND = FOUND.format(counted_in_lane=IN_LANE, counted=COUNTED.format(where=""), counted_soon=SOON)


@dataclass(frozen=True, slots=True)
class Lane:
    """One lane in which something waits; `count` is at most one more than MOST_COUNTED."""

    name: str
    count: int


@dataclass(frozen=True, slots=True)
class Sorts:
    """How much waits, and how much of it ends within SOON_IS; the lanes and rules for which something waits."""

    count: int
    soon_count: int
    lanes: list[Lane]
    rules: list[str]


def waiting(actor: Principal, *, now: datetime) -> Sorts:
    """The lanes and rules of what waits in the member's account."""
    actor.require(Scope.READ)
    asked = {"account": actor.account.pk, "now": now, "soon": now + SOON_IS}
    rows = statements.run(FOUND, asked | {"most": MOST_COUNTED, "listed": MOST_LISTED})
    counts = {kind: count for kind, _, count in rows}
    lanes = (Lane(name, count) for kind, name, count in rows if kind == "lane" and count)
    return Sorts(
        counts["all"],
        counts["soon"],
        sorted(lanes, key=lambda lane: lane.name),
        sorted(code for kind, code, _ in rows if kind == "rule"),
    )
