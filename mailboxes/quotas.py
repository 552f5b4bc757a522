"""Limits: taken before the act, given back when it comes to nothing.

A counter's row lock puts the takers in order, so the sum never passes the limit, however many come at once.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Sum

from . import statements
from .errors import LimitReached
from .ids import new_id
from .models import Account, CountKind, Limit, LimitKind, Mailbox, Usage
from .statements import Step, as_json

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
UPGRADE = "Raise it by POST /v1/billing/upgrade."
SENDING = (
    LimitKind.DAILY_SENDS,
    LimitKind.MONTHLY_SENDS,
    LimitKind.MAILBOX_SENDS_PER_MINUTE,
    LimitKind.ACCOUNT_SENDS_PER_MINUTE,
)
DAILY = (LimitKind.DAILY_SENDS, *(kind for kind in CountKind if kind != CountKind.OVER_LIMIT))  # that one is a stock
MONTHLY = (LimitKind.MONTHLY_SENDS, LimitKind.MONTHLY_INBOUND)
VELOCITY = (LimitKind.MAILBOX_SENDS_PER_MINUTE, LimitKind.ACCOUNT_SENDS_PER_MINUTE)

SPENT = """spent AS (
    INSERT INTO mailboxes_usage (id, account_id, subject_id, kind, period_start, used)
    SELECT one.id, %(account)s, one.subject_id, one.kind, one.period_start, one.amount
    FROM json_to_recordset(%(counted)s::json)
        AS one(id uuid, subject_id uuid, kind text, period_start timestamptz, amount bigint)
    ON CONFLICT (subject_id, kind, period_start) DO UPDATE SET used = mailboxes_usage.used + EXCLUDED.used
    RETURNING subject_id, kind, period_start, used
)"""
TELL_SPENT = "SELECT kind, used FROM spent"


@dataclass(frozen=True, slots=True)
class Counter:
    """One thing that is counted: a kind, who spends it (a mailbox's or the account's id), and when, if not now."""

    kind: LimitKind | CountKind
    subject_id: UUID
    at: datetime | None = None


def take(account: Account, kind: LimitKind, amount: int, *, now: datetime) -> None:
    """Spend `amount` of an account's limit, or raise LimitReached and spend nothing."""
    take_all(account, [Counter(kind, account.pk)], amount, now=now)


def take_sends(mailbox: Mailbox, amount: int, *, now: datetime) -> None:
    """Spend `amount` recipients of the mailbox's daily, monthly and minute limits and of the account's minute limit."""
    take_all(mailbox.account, send_counters(mailbox.pk, mailbox.account_id), amount, now=now)


def spending_sends(mailbox: Mailbox, amount: int, *, now: datetime) -> Step:
    """`take_sends` as a step of the caller's own statement, which ends by TELL_SPENT; `check` what it tells.

    An amount of 0 touches no counter.
    """
    counters = send_counters(mailbox.pk, mailbox.account_id) if amount else []
    return _spending(mailbox.account, dict.fromkeys(counters, amount), now=now)


def check(used: Mapping[str, int], limits: Mapping[str, int], amount: int, *, now: datetime) -> None:
    """Refuse `amount` more recipients on top of `used` where that would pass a limit of sending."""
    for kind in SENDING:
        limit = limits[kind]
        if limit and used.get(kind, 0) + amount > limit:
            raise _reached(kind, limit, now=now)


def take_all(account: Account, counters: Sequence[Counter], amount: int, *, now: datetime) -> None:
    """Spend `amount` on every counter, or raise LimitReached and spend nothing on any."""
    with transaction.atomic():
        used = _spend(account, dict.fromkeys(counters, amount), now=now)
        limits = limits_of(account)
        for kind in (LimitKind(counter.kind) for counter in _in_lock_order(counters)):
            limit = limits[kind]
            if limit and used[kind] > limit:
                raise _reached(kind, limit, now=now)


def count(account: Account, kind: LimitKind | CountKind, amount: int, *, now: datetime) -> None:
    """Record what the account has spent already, whether or not its limit allowed it."""
    count_all(account, {Counter(kind, account.pk): amount}, now=now)


def count_all(account: Account, amounts: Mapping[Counter, int], *, now: datetime) -> None:
    """As `count`, on several counters of the account and its mailboxes."""
    _spend(account, amounts, now=now)


def counting(account: Account, amounts: Mapping[Counter, int], *, now: datetime) -> Step:
    """`count_all` as a step of the caller's own statement: its rows are `spent`."""
    return _spending(account, amounts, now=now)


def give_back_sends(mailbox: Mailbox, amount: int, *, taken_at: datetime) -> None:
    """Return recipients taken at `taken_at`. The caller sees to it that this happens once per message."""
    for counter in _in_lock_order(send_counters(mailbox.pk, mailbox.account_id)):
        give_back(counter, amount, taken_at=taken_at)


def give_back(counter: Counter, amount: int, *, taken_at: datetime) -> None:
    """Return `amount` to the period in which it was taken."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE mailboxes_usage SET used = used - %s WHERE subject_id = %s AND kind = %s AND period_start = %s",
            [amount, counter.subject_id, counter.kind.value, period_start(counter.kind, taken_at)],
        )


def lock(counter: Counter, *, taken_at: datetime) -> None:
    """Hold the counter of that period to the end of the transaction, as spending on it does."""
    start = period_start(counter.kind, taken_at)
    held = Usage.objects.filter(subject_id=counter.subject_id, kind=counter.kind.value, period_start=start)
    held.select_for_update(no_key=True).first()


def send_counters(mailbox_id: UUID, account_id: UUID) -> list[Counter]:
    """What one send is counted on."""
    return [Counter(kind, account_id if kind == LimitKind.ACCOUNT_SENDS_PER_MINUTE else mailbox_id) for kind in SENDING]


def limits_of(account: Account) -> dict[str, int]:
    """Every limit of the account: its own rows over the settings' defaults. 0 is unlimited."""
    return defaults() | dict(Limit.objects.filter(account=account).values_list("kind", "amount"))


def defaults() -> dict[str, int]:
    """The limits of an account without rows of its own."""
    return {kind.value: settings.DEFAULT_LIMITS[kind.value] for kind in LimitKind}


def used(subject_ids: Sequence[UUID], kind: LimitKind | CountKind, *, now: datetime) -> dict[UUID, int]:
    """What each of the subjects has spent in the current period; subjects that spent nothing are left out."""
    rows = Usage.objects.filter(subject_id__in=subject_ids, kind=kind, period_start=period_start(kind, now))
    return dict(rows.values_list("subject_id", "used"))


def spent(account: Account, kind: LimitKind, *, now: datetime) -> int:
    """What the whole account has spent in the current period: the sum over its mailboxes, for kinds counted there."""
    rows = Usage.objects.filter(account=account, kind=kind, period_start=period_start(kind, now))
    return rows.aggregate(sum=Sum("used"))["sum"] or 0


def period_start(kind: LimitKind | CountKind, moment: datetime) -> datetime:
    """When the period of `kind` that contains `moment` began: UTC days, UTC months, minutes; the epoch for stocks."""
    moment = moment.astimezone(UTC)
    if kind in DAILY:
        return moment.replace(hour=0, minute=0, second=0, microsecond=0)
    if kind in MONTHLY:
        return moment.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    if kind in VELOCITY:
        return moment.replace(second=0, microsecond=0)
    return EPOCH


def _in_lock_order(counters: Iterable[Counter]) -> list[Counter]:
    """One order for everybody, so that no two takers wait for each other."""
    return sorted(counters, key=lambda counter: (counter.subject_id, counter.kind, counter.at or EPOCH))


def _spend(account: Account, amounts: Mapping[Counter, int], *, now: datetime) -> dict[str, int]:
    """Add to every counter its amount; what each kind has used since then."""
    return dict(statements.run_steps([_spending(account, amounts, now=now)], TELL_SPENT))


def _spending(account: Account, amounts: Mapping[Counter, int], *, now: datetime) -> Step:
    counted = [
        {
            "id": new_id(),
            "subject_id": counter.subject_id,
            "kind": counter.kind.value,
            "period_start": period_start(counter.kind, counter.at or now),
            "amount": amounts[counter],
        }
        for counter in _in_lock_order(amounts)
    ]
    return Step(SPENT, {"account": account.pk, "counted": as_json(counted)})


def _reached(kind: LimitKind, limit: int, *, now: datetime) -> LimitReached:
    if kind in VELOCITY:
        return LimitReached(
            f"More than {limit} {_counted(kind)} are not sent.",
            code="velocity_limit",
            fix="Wait a minute and try again.",
            headers={"Retry-After": str(60 - now.second)},
        )
    sentence = f"The limit of {limit} {_counted(kind)}, is reached."
    if kind == LimitKind.DAILY_SENDS:
        midnight = period_start(kind, now) + timedelta(days=1)
        fix, waiting = "It resets at midnight UTC.", _retry_after(midnight, now=now)
        return LimitReached(sentence, code="daily_limit", fix=fix, headers=waiting, upgrade=UPGRADE)
    next_month = period_start(kind, period_start(kind, now) + timedelta(days=32))
    waiting = _retry_after(next_month, now=now) if kind in MONTHLY else {}
    return LimitReached(sentence, code=f"{kind.value}_limit", fix=UPGRADE, headers=waiting, upgrade=UPGRADE)


def _counted(kind: LimitKind) -> str:
    """What is counted, in words: an operator may count messages instead of recipients."""
    is_by_message = kind in SENDING and settings.COUNT_SENDS_BY == "messages"
    return kind.label.replace("recipients", "messages") if is_by_message else kind.label


def _retry_after(moment: datetime, *, now: datetime) -> dict[str, str]:
    return {"Retry-After": str(math.ceil((moment - now).total_seconds()))}
