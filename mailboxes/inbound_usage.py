"""Received mail, counted as it is shown; how much of the month's is used up, as agents are told."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from . import quotas
from .models import Account, CountKind, LimitKind

APPROACHING, NEAR = 50, 80


@dataclass(frozen=True, slots=True)
class InboundUsage:
    """Received messages of the account's month against its limit. Limit 0 is unlimited; `resets_at` is UTC."""

    current: int
    limit: int
    resets_at: datetime

    @property
    def percentage(self) -> int:
        return self.current * 100 // self.limit if self.limit else 0

    @property
    def status(self) -> str:
        """`healthy`, `approaching` from 50 %, `near` from 80 %, `limit_reached`."""
        if self.percentage >= 100:
            return "limit_reached"
        if self.percentage >= NEAR:
            return "near"
        return "approaching" if self.percentage >= APPROACHING else "healthy"


def count(account: Account, mailbox_ids: Iterable[UUID], *, now: datetime) -> None:
    """Count one received message for every mailbox named: in its month, and in the account's month and day."""
    of_each = Counter(mailbox_ids)
    amounts = {quotas.Counter(LimitKind.MONTHLY_INBOUND, pk): amount for pk, amount in of_each.items()}
    for kind in (LimitKind.MONTHLY_INBOUND, CountKind.DAILY_INBOUND):
        amounts[quotas.Counter(kind, account.pk)] = of_each.total()
    quotas.count_all(account, amounts, now=now)


def find(account: Account, *, now: datetime) -> InboundUsage:
    """The account's usage of the calendar month (UTC) that contains `now`."""
    used = quotas.used([account.pk], LimitKind.MONTHLY_INBOUND, now=now)
    limit = quotas.limits_of(account)[LimitKind.MONTHLY_INBOUND]
    return of(used.get(account.pk, 0), limit, now=now)


def of(current: int, limit: int, *, now: datetime) -> InboundUsage:
    """What `current` of `limit` means in the month that contains `now`."""
    return InboundUsage(current=current, limit=limit, resets_at=next_month(now))


def next_month(moment: datetime) -> datetime:
    """00:00 UTC of the first day of the month after the one that contains `moment`."""
    first = moment.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    return (first + timedelta(days=32)).replace(day=1)
