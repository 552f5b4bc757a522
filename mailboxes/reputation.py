"""Accounts whose mail bounces or is complained about too often are suspended by the machine.

Judged by counters of UTC days: copies that bounced or were complained about, by the day of their sending, against the
sends of those days. A sweep judges, and not whoever counts: the account's row is locked before usage everywhere else.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from uuid import UUID

from django.conf import settings

from . import quotas, statements, suspensions
from .models import Account, CountKind

# From the few rows of bounces and complaints to the sends of their accounts; never over all that was sent. Days before
# an operator let the account send again, and that day itself, are not held against it.
EVIDENCE = """
WITH evidence AS (
    SELECT a.id, greatest(%(since)s, a.judged_from) AS since,
        coalesce(sum(u.used) FILTER (WHERE u.kind = 'daily_bounces'), 0)::bigint AS bounces,
        coalesce(sum(u.used) FILTER (WHERE u.kind = 'daily_complaints'), 0)::bigint AS complaints
    FROM mailboxes_usage u JOIN mailboxes_account a ON a.id = u.account_id
    WHERE u.kind IN ('daily_bounces', 'daily_complaints') AND u.used > 0
        AND u.period_start >= %(since)s AND (a.judged_from IS NULL OR u.period_start >= a.judged_from)
        AND a.suspended_at IS NULL AND NOT a.is_platform AND a.test_of_id IS NULL
    GROUP BY a.id
)
SELECT e.id, e.bounces, e.complaints, (
    SELECT coalesce(sum(u.used), 0)::bigint FROM mailboxes_mailbox b
    JOIN mailboxes_usage u ON u.subject_id = b.id AND u.kind = 'daily_sends' AND u.period_start >= e.since
    WHERE b.account_id = e.id
)
FROM evidence e ORDER BY e.id
"""


@dataclass(frozen=True, slots=True)
class Record:
    """What became of the account's mail in the days that count, in recipients; `sent` as COUNT_SENDS_BY says."""

    account_id: UUID
    bounces: int
    complaints: int
    sent: int

    def fault(self) -> str | None:
        """Why the account may not go on: `bounce_rate_exceeded` or `complaint_rate_exceeded`."""
        if self.sent < settings.REPUTATION_MIN_SENDS:
            return None
        if _is_over(self.bounces, self.sent, settings.MAX_BOUNCE_PERCENT):
            return "bounce_rate_exceeded"
        if _is_over(self.complaints, self.sent, settings.MAX_COMPLAINT_PERCENT):
            return "complaint_rate_exceeded"
        return None


def suspend_due(*, now: datetime) -> int:
    """Suspend every account whose rates are over the limit; how many. An operator lets them send again."""
    today = quotas.period_start(CountKind.DAILY_BOUNCES, now)
    since = today - timedelta(days=settings.REPUTATION_DAYS - 1)
    records = [Record(*row) for row in statements.run(EVIDENCE, {"since": since})]
    faults = {record.account_id: (record, fault) for record in records if (fault := record.fault())}
    suspended = 0
    for account in Account.objects.filter(pk__in=faults):
        record, fault = faults[account.pk]
        evidence = {"bounces": record.bounces, "complaints": record.complaints, "sent": record.sent}
        suspended += suspensions.suspend(account, reason=fault, by="reputation", evidence=evidence, now=now)
    return suspended


def _is_over(count: int, sent: int, percent: Decimal) -> bool:
    return bool(percent) and count * 100 > sent * percent
