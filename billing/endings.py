"""What must end at Stripe, ended: asked again until Stripe says so, also when the account is long gone."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from . import stripe_api
from .models import Ending
from .stripe_api import StripeFailed, StripeLacks

LONGEST_WAIT = timedelta(hours=6)


def add(stripe_ids: Sequence[str], *, now: datetime) -> None:
    """Sessions, subscriptions and customers that end, as soon as Stripe answers. In the caller's transaction."""
    rows = [Ending(stripe_id=one, next_check_at=now) for one in stripe_ids]
    Ending.objects.bulk_create(rows, ignore_conflicts=True)


def carry_out(ending: Ending, *, now: datetime) -> None:
    """Tell Stripe; forget the row when it is done, else try again later, for ever."""
    try:
        _end(ending.stripe_id, now=now)
    except StripeLacks:
        pass  # gone already
    except StripeFailed:
        wait = min(timedelta(minutes=2) * 2 ** min(ending.attempts, 10), LONGEST_WAIT)
        Ending.objects.filter(pk=ending.pk).update(attempts=ending.attempts + 1, next_check_at=now + wait)
        return
    Ending.objects.filter(pk=ending.pk).delete()


def _end(stripe_id: str, *, now: datetime) -> None:
    kind = stripe_id.partition("_")[0]
    if kind == "sub":
        stripe_api.cancel_subscription(stripe_id)
    elif kind == "cus":
        stripe_api.delete_customer(stripe_id)
    else:
        _end_session(stripe_id, now=now)


def _end_session(session_id: str, *, now: datetime) -> None:
    session = stripe_api.find_session(session_id)
    if session.status == "open":
        # Paid in this very moment it refuses, and the next try finds what was bought.
        stripe_api.expire_session(session_id)
    elif session.bought is not None:
        add([session.bought.stripe_id, session.bought.customer_id], now=now)
