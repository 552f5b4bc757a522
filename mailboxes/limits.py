"""Limits of one account that differ from the settings. Billing and operators write them."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from . import events
from .errors import Invalid
from .models import Account, Limit, LimitKind
from .models.limit import lowest


def set_limit(account: Account, kind: LimitKind, amount: int, *, by: str, now: datetime) -> Limit:
    """The account's own limit of this kind, effective at once. 0 is unlimited, NONE (of domains) nothing."""
    if amount < lowest(kind):
        raise Invalid("A limit can't be negative.", code="invalid_limit", fix="Use 0 for unlimited.")
    with transaction.atomic():
        limit, _ = Limit.objects.update_or_create(account=account, kind=kind, defaults={"amount": amount})
        data = {"kind": kind.value, "amount": amount, "by": by}
        events.record(account, "limit.changed", subject=str(account.pk), data=data, now=now)
    return limit
