"""How often rules of an account were met lately, of the traces that stand beside its messages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings

from mailboxes import statements

WEEK, MONTH = timedelta(days=7), timedelta(days=30)
# The newest mail along `message_by_account`, its verdicts along `evaluation_by_message`; a message that was judged
# several times counts once for a rule. What is built in has no scope.
COUNT = """
WITH seen AS MATERIALIZED (
    SELECT m.id, m.mailbox_id, m.created_at FROM messaging_message m
    WHERE m.account_id = %(account)s AND m.direction = 'OUTBOUND' AND m.created_at > %(month)s
    ORDER BY m.created_at DESC, m.id DESC LIMIT %(most)s
), met AS (
    SELECT DISTINCT seen.id, seen.created_at, line ->> 'rule' AS rule,
        CASE WHEN line ->> 'scope' = 'mailbox' THEN seen.mailbox_id END AS mailbox_id
    FROM seen
    JOIN oversight_evaluation e ON e.message_id = seen.id
    CROSS JOIN jsonb_array_elements(e.trace) AS line
    WHERE line ->> 'scope' <> '' AND line ->> 'result' IN ('matched', 'cleared')
)
SELECT NULL, NULL, NULL::bigint, count(*), min(created_at) FROM seen
UNION ALL
SELECT rule, mailbox_id, count(*) FILTER (WHERE created_at > %(week)s), count(*), NULL FROM met
GROUP BY rule, mailbox_id
"""


@dataclass(frozen=True, slots=True)
class Hits:
    """Messages that met a rule. As shadows did, which decided nothing."""

    week: int = 0
    month: int = 0


@dataclass(frozen=True, slots=True)
class Counted:
    """Hits by the mailbox whose rules they are, None for the account's, and the rule's id.

    `cut_at`: no message before was counted, where the account sends more than is looked at; else None.
    """

    hits: Mapping[tuple[UUID | None, str], Hits]
    cut_at: datetime | None

    def of(self, mailbox_id: UUID | None, rule: str) -> Hits:
        return self.hits.get((mailbox_id, rule), Hits())


def of_account(account_id: UUID, *, now: datetime) -> Counted:
    """Of the last 30 days, of no more than the newest RULE_HITS_MESSAGES messages. Rules that are gone count too."""
    most = settings.RULE_HITS_MESSAGES
    asked = {"account": account_id, "week": now - WEEK, "month": now - MONTH, "most": most}
    hits: dict[tuple[UUID | None, str], Hits] = {}
    cut_at = None
    for rule, mailbox_id, week, month, oldest in statements.run(COUNT, asked):
        if rule is None:
            cut_at = oldest if month == most else None
        else:
            hits[mailbox_id, rule] = Hits(week, month)
    return Counted(hits, cut_at)
