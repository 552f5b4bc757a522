"""Why an account has its plan, and that the plan follows: what is paid at Stripe, what an operator granted."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db import transaction

from mailboxes import events, test_accounts
from mailboxes.errors import Conflict
from mailboxes.models import Account
from mailboxes.plan_facts import PlanFacts

from . import doorbell, endings, locks, plan_changes, plans
from .models import Checkout, Subscription
from .plans import FREE, Plan
from .stripe_api import Bought

CHECKED_EVERY = timedelta(hours=6)
SUPERSEDED = "superseded"


def record(checkout: Checkout, bought: Bought, *, now: datetime) -> None:
    """What a paid checkout brought, in the caller's transaction. The account's lock is held."""
    subscription, _ = Subscription.objects.get_or_create(
        stripe_id=bought.stripe_id,
        defaults={"account": checkout.account, "plan": checkout.plan, "period": checkout.period, "is_live": False},
    )
    _write(subscription, bought, now=now)
    fold(checkout.account, by=f"checkout:{checkout.pk}", now=now)


def renew(subscription: Subscription, bought: Bought, *, now: datetime) -> None:
    """Write down how Stripe has the subscription now, and let the plan follow."""
    with transaction.atomic():
        locks.hold(subscription.account_id)
        current = Subscription.objects.select_related("account").filter(pk=subscription.pk).first()
        if current is not None and not current.account.departed_at:
            _write(current, bought, now=now)
            fold(current.account, by=f"subscription:{current.pk}", now=now)


def fold(account: Account, *, by: str, now: datetime) -> None:
    """Give the account the plan of its largest live subscription, free without one. The account's lock is held.

    Of several that are paid the largest stays; the others end, and their rest becomes credit.
    """
    live = sorted(
        Subscription.objects.filter(account=account, is_live=True),
        key=lambda one: (plans.rank_of(one.plan), one.created_at),
        reverse=True,
    )
    _supersede([one for one in live if one.stripe_id][1:], now=now)
    plan = plans.get(live[0].plan if live else FREE.name)
    plan_changes.change(account, plan, by=by, now=now)
    if twin := test_accounts.find(account):
        plan_changes.change(twin, plan, by=by, now=now)


def grant(account: Account, plan: Plan, *, period: str, by: str, now: datetime) -> None:
    """An operator gives the account a plan, in place of what operators gave it before.

    Raises Conflict where a larger one is paid at Stripe: that ends there first.
    """
    with transaction.atomic():
        locks.hold(account.pk)
        for paid in Subscription.objects.filter(account=account, is_live=True).exclude(stripe_id=""):
            if plans.rank_of(paid.plan) > plan.rank:
                raise Conflict(
                    f"The account pays for {paid.plan} at Stripe.",
                    code="still_paid",
                    fix=f"Cancel {paid.stripe_id} at Stripe; the plan follows by itself.",
                )
        Subscription.objects.filter(account=account, is_live=True, stripe_id="").update(is_live=False)
        if plan != FREE:
            Subscription.objects.create(account=account, plan=plan.name, period=period, granted_by=by)
        fold(account, by=by, now=now)


def end(account: Account, *, now: datetime) -> None:
    """Let nothing of the account be charged any more, nor be paid: it is being deleted, in the caller's transaction.

    Stripe is told afterwards, for as long as it takes; what is kept for that are Stripe's ids alone. Waits for nobody,
    whatever the caller has locked: what is being bought at this moment is found by its session.
    """
    sessions = Checkout.objects.filter(account=account, next_check_at__isnull=False).exclude(session_id="")
    bought = Subscription.objects.filter(account=account).exclude(stripe_id="")
    ids = set(sessions.values_list("session_id", flat=True))
    ids.update(bought.filter(is_live=True).values_list("stripe_id", flat=True))
    ids.update(bought.exclude(customer_id="").values_list("customer_id", flat=True))
    endings.add(sorted(ids), now=now)
    doorbell.ring()


def record_failed_payment(subscription: Subscription, *, now: datetime) -> None:
    """An invoice was not paid. The plan stays until Stripe gives up; its status is looked up."""
    data = {"subscription_id": str(subscription.pk), "plan": subscription.plan}
    events.record(subscription.account_id, "billing.payment_failed", subject=str(subscription.pk), data=data, now=now)


def customer_of(account: Account) -> str:
    """Stripe's id of the account's customer; empty if it never paid there."""
    paid = Subscription.objects.filter(account=account).exclude(customer_id="").order_by("-created_at")
    return paid.values_list("customer_id", flat=True).first() or ""


def facts(account: Account) -> PlanFacts:
    """What GET /v1/account tells of how the account pays."""
    rows = list(Subscription.objects.filter(account=account).order_by("-is_live", "-created_at"))
    current = next((one for one in rows if one.is_live and one.plan == account.plan), None)
    return PlanFacts(
        period=current.period if current else plans.MONTHLY,
        is_linked=any(one.customer_id for one in rows),
        annual=plans.annual_availability(),
    )


def _write(subscription: Subscription, bought: Bought, *, now: datetime) -> None:
    if subscription.status == SUPERSEDED:
        return
    subscription.status, subscription.is_live = bought.status, bought.is_live
    subscription.customer_id = bought.customer_id
    subscription.next_check_at = now + CHECKED_EVERY if bought.is_live else None
    subscription.save(update_fields=["status", "is_live", "customer_id", "next_check_at"])


def _supersede(paid: Sequence[Subscription], *, now: datetime) -> None:
    endings.add([one.stripe_id for one in paid], now=now)
    Subscription.objects.filter(pk__in=[one.pk for one in paid]).update(
        is_live=False, status=SUPERSEDED, next_check_at=None
    )
