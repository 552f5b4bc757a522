"""What may have changed at Stripe is looked up there: rung by its webhook, and swept, so a lost word loses nothing.

Events only say where to look. What is true is what Stripe answers when it is asked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import TypeVar

import structlog
from django.db import transaction
from django.db.models import QuerySet

from . import checkouts, endings, stripe_api, subscriptions
from .models import Checkout, CheckoutState, Ending, StripeEvent, Subscription, Via
from .stripe_api import StripeFailed

log = structlog.get_logger(__name__)

Row = TypeVar("Row", Checkout, Subscription, Ending)

AT_ONCE = 50  # of each kind in one run; the next run takes the rest
LEASE = timedelta(minutes=5)  # so long a row is left alone by others, also after Stripe has failed
LONGEST_WAIT = timedelta(hours=2)
EVENTS_KEPT = timedelta(days=30)


def run(*, now: datetime) -> None:
    """Look at everything that is due, one after the other."""
    _expire_unapproved(now=now)
    _each(Checkout.objects.select_related("account").filter(via=Via.STRIPE), _check_checkout, now=now)
    _each(Subscription.objects.exclude(stripe_id=""), _check_subscription, now=now)
    _each(Ending.objects.all(), endings.carry_out, now=now)
    StripeEvent.objects.filter(heard_at__lt=now - EVENTS_KEPT).delete()


def _each(rows: QuerySet[Row], act: Callable[..., None], *, now: datetime) -> None:
    if not stripe_api.is_linked():
        return
    for row in _claim(rows, now=now):
        try:
            act(row, now=now)
        except StripeFailed as failure:  # logged there; due again when the lease ends
            if not failure.is_final:
                return  # it does not answer at all: not to be waited for row by row
        except Exception:  # what is odd about one row keeps nobody else from what they paid for
            log.exception("billing.reconcile_failed", row=str(row.pk))


def _claim(rows: QuerySet[Row], *, now: datetime) -> Iterator[Row]:
    """Rows that are due, one by one, each taken in a transaction of its own that is over when it is given."""
    for _ in range(AT_ONCE):
        with transaction.atomic():
            due = rows.select_for_update(skip_locked=True, of=("self",)).filter(next_check_at__lte=now)
            row = due.order_by("next_check_at").first()
            if row is None:
                return
            type(row).objects.filter(pk=row.pk).update(next_check_at=now + LEASE)
        yield row


def _check_checkout(checkout: Checkout, *, now: datetime) -> None:
    if not checkout.session_id:
        _ask_again(checkout, now=now)
        return
    session = stripe_api.find_session(checkout.session_id)
    if session.status == "open" and checkouts.is_covered(checkout):
        stripe_api.expire_session(checkout.session_id)
        session = stripe_api.find_session(checkout.session_id)
    checkouts.settle(checkout, session, now=now)
    # Still to be paid, or paid by a method that takes days: later again.
    wait = min(max((now - checkout.created_at) / 2, LEASE), LONGEST_WAIT)
    Checkout.objects.filter(pk=checkout.pk, next_check_at=now + LEASE).update(next_check_at=now + wait)


def _ask_again(checkout: Checkout, *, now: datetime) -> None:
    """Nobody heard what Stripe answered. After its time nobody can have paid, either: no address was given out."""
    if checkouts.is_open(checkout, now=now):
        checkouts.ask_stripe(checkout, now=now)
    else:
        ended = Checkout.objects.filter(pk=checkout.pk, session_id="")
        ended.update(state=CheckoutState.EXPIRED, closed_at=now, next_check_at=None)


def _check_subscription(subscription: Subscription, *, now: datetime) -> None:
    subscriptions.renew(subscription, stripe_api.find_subscription(subscription.stripe_id), now=now)


def _expire_unapproved(*, now: datetime) -> None:
    late = Checkout.objects.filter(via=Via.OPERATOR, next_check_at__lte=now, expires_at__lte=now)
    late.update(state=CheckoutState.EXPIRED, closed_at=now, next_check_at=None)
