"""Received mail, counted in the month of its arrival (UTC), what of it is over the limit, and what agents are told."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db.models import Sum

from . import quotas, statements
from .models import Account, CountKind, LimitKind, Mailbox, Usage

APPROACHING, NEAR = 50, 80

OWN_LIMIT = "SELECT amount FROM mailboxes_limit WHERE account_id = %(account)s AND kind = 'monthly_inbound'"
# The counters stay locked until the transaction ends: whoever counts next stands behind, and knows how far it came.
TELL_COUNTED = f"""
SELECT period_start, used, ({OWN_LIMIT}) FROM spent WHERE subject_id = %(account)s AND kind = 'monthly_inbound'
"""  # noqa: S608 - ours
USED = f"""
SELECT (
    SELECT used FROM mailboxes_usage
    WHERE subject_id = %(account)s AND kind = 'monthly_inbound' AND period_start = %(month)s
), ({OWN_LIMIT})
"""  # noqa: S608 - ours


@dataclass(frozen=True, slots=True)
class Arrival:
    """One message received by a mailbox at a moment."""

    mailbox_id: UUID
    at: datetime


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


def count(account: Account, arrivals: Sequence[Arrival], *, now: datetime) -> list[bool]:
    """Count received messages, oldest first, in the day and month of their arrival; of each, whether it is over the
    limit of the month that contains `now`. What arrived in a month that has ended is over no limit.

    Locks the counters until the transaction ends, so that of all who count at once exactly the limit is within it.
    """
    step = quotas.counting(account, _amounts(account, arrivals), now=now)
    told = statements.run_steps([step], TELL_COUNTED)
    month = _month(now)
    used = {period: used for period, used, _ in told}.get(month)
    if used is None:
        return [False] * len(arrivals)
    limit = _limit(account, told[0][2])
    place = used - sum(_month(one.at) == month for one in arrivals)
    is_over = []
    for one in arrivals:
        place += _month(one.at) == month
        is_over.append(bool(limit) and _month(one.at) == month and place > limit)
    return is_over


def count_withheld(account: Account, mailbox_ids: Iterable[UUID], *, now: datetime) -> None:
    """Count one withheld message for every mailbox named. After `count`, in the same transaction."""
    of_each = Counter(mailbox_ids)
    amounts = {quotas.Counter(CountKind.OVER_LIMIT, pk): amount for pk, amount in of_each.items()}
    quotas.count_all(account, amounts, now=now)


def count_unlocked(mailbox_ids: Iterable[UUID], *, now: datetime) -> None:
    """Count one withheld message less for every mailbox named."""
    for pk, amount in sorted(Counter(mailbox_ids).items()):
        quotas.give_back(quotas.Counter(CountKind.OVER_LIMIT, pk), amount, taken_at=now)


def find(account: Account, *, now: datetime) -> InboundUsage:
    """The account's usage of the calendar month (UTC) that contains `now`."""
    [(used, own_limit)] = statements.run(USED, {"account": account.pk, "month": _month(now)})
    return of(used or 0, _limit(account, own_limit), now=now)


def of(current: int, limit: int, *, now: datetime) -> InboundUsage:
    """What `current` of `limit` means in the month that contains `now`."""
    return InboundUsage(current=current, limit=limit, resets_at=next_month(now))


def withheld(mailbox: Mailbox, *, now: datetime) -> int:
    """How many messages of the mailbox are withheld."""
    return quotas.used([mailbox.pk], CountKind.OVER_LIMIT, now=now).get(mailbox.pk, 0)


def withheld_of(account: Account) -> int:
    """How many messages are withheld in all mailboxes of the account."""
    living = Mailbox.objects.filter(account=account, deleted_at__isnull=True).values("pk")
    rows = Usage.objects.filter(account=account, kind=CountKind.OVER_LIMIT, subject_id__in=living)
    return rows.aggregate(sum=Sum("used"))["sum"] or 0


def next_month(moment: datetime) -> datetime:
    """00:00 UTC of the first day of the month after the one that contains `moment`."""
    first = moment.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    return (first + timedelta(days=32)).replace(day=1)


def _amounts(account: Account, arrivals: Iterable[Arrival]) -> Counter[quotas.Counter]:
    amounts: Counter[quotas.Counter] = Counter()
    for one in arrivals:
        month = _month(one.at)
        amounts[quotas.Counter(LimitKind.MONTHLY_INBOUND, one.mailbox_id, month)] += 1
        amounts[quotas.Counter(LimitKind.MONTHLY_INBOUND, account.pk, month)] += 1
        day = quotas.period_start(CountKind.DAILY_INBOUND, one.at)
        amounts[quotas.Counter(CountKind.DAILY_INBOUND, account.pk, day)] += 1
    return amounts


def _month(moment: datetime) -> datetime:
    return quotas.period_start(LimitKind.MONTHLY_INBOUND, moment)


def _limit(account: Account, own: int | None) -> int:
    if account.is_platform:  # what is written to the operator is withheld from nobody
        return 0
    limit: int = settings.DEFAULT_LIMITS[LimitKind.MONTHLY_INBOUND.value] if own is None else own
    return limit
