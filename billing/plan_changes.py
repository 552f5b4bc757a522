"""An account gets another plan: its limits, its mailboxes, and the mail that waited for a larger one."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from mailboxes import billing_pauses, events, limits
from mailboxes.models import Account

from . import plans
from .plans import FREE, Plan


def change(account: Account, plan: Plan, *, by: str, now: datetime) -> bool:
    """Give the account this plan's limits, pause or wake mailboxes accordingly; False if it had the plan already.

    The plan's limits replace what an operator had set of the same kinds. Free means no rows: the settings hold.
    """
    with transaction.atomic():
        billing_pauses.hold(account)
        locked = Account.objects.select_for_update(no_key=True)
        old, departed_at = locked.values_list("plan", "departed_at").get(pk=account.pk)
        if old == plan.name or departed_at:
            return False
        Account.objects.filter(pk=account.pk).update(plan=plan.name)
        account.plan = plan.name
        if plan == FREE:
            limits.clear_limits(account, plans.kinds(), by=by, now=now)
        else:
            limits.set_limits(account, plans.limits_of(plan), by=by, now=now)
        billing_pauses.settle(account, by=by, now=now)
        data = {"from": old, "to": plan.name, "by": by}
        events.record(account, "billing.plan_changed", subject=str(account.pk), data=data, now=now)
    return True
