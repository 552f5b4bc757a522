"""Limits of one account that differ from the settings. Billing and operators write them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from django.db import transaction

from . import events, quotas
from .errors import Invalid
from .events import Happening
from .models import Account, Limit, LimitKind


def set_limit(account: Account, kind: LimitKind, amount: int, *, by: str, now: datetime) -> Limit:
    """The account's own limit of this kind, effective at once. 0 is unlimited."""
    _check(amount)
    with transaction.atomic():
        limit, _ = Limit.objects.update_or_create(account=account, kind=kind, defaults={"amount": amount})
        events.record_all(account, [_told(account, kind, amount, by=by)], now=now)
    return limit


def set_limits(account: Account, amounts: Mapping[LimitKind, int], *, by: str, now: datetime) -> None:
    """Several of the account's own limits at once; those that stand already are not written and not told."""
    for amount in amounts.values():
        _check(amount)
    with transaction.atomic():
        own = dict(Limit.objects.filter(account=account).values_list("kind", "amount"))
        changed = {kind: amounts[kind] for kind in sorted(amounts) if own.get(kind) != amounts[kind]}
        Limit.objects.bulk_create(
            [Limit(account=account, kind=kind, amount=amount) for kind, amount in changed.items()],
            update_conflicts=True,
            unique_fields=["account", "kind"],
            update_fields=["amount"],
        )
        events.record_all(account, [_told(account, *one, by=by) for one in changed.items()], now=now)


def clear_limits(account: Account, kinds: Iterable[LimitKind], *, by: str, now: datetime) -> None:
    """Give the account the settings' limits of these kinds again."""
    defaults = quotas.defaults()
    with transaction.atomic():
        own = Limit.objects.filter(account=account, kind__in=list(kinds))
        cleared = sorted(own.values_list("kind", flat=True))
        own.delete()
        told = [_told(account, LimitKind(kind), defaults[kind], by=by) for kind in cleared]
        events.record_all(account, told, now=now)


def _check(amount: int) -> None:
    if amount < 0:
        raise Invalid("A limit can't be negative.", code="invalid_limit", fix="Use 0 for unlimited.")


def _told(account: Account, kind: LimitKind, amount: int, *, by: str) -> Happening:
    return Happening("limit.changed", str(account.pk), {"kind": kind.value, "amount": amount, "by": by})
