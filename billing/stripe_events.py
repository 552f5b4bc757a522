"""What Stripe's webhook says, taken as a hint where to look: the row it names is due at once."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import transaction

from mailboxes.ids import parse_id

from . import doorbell, subscriptions
from .models import Checkout, StripeEvent, Subscription

HEARD = frozenset(
    {
        "checkout.session.completed",
        "checkout.session.async_payment_succeeded",
        "checkout.session.async_payment_failed",
        "checkout.session.expired",
        "customer.subscription.updated",
        "customer.subscription.deleted",
        "invoice.payment_failed",
    }
)
Json = Mapping[str, Any]


def hear(event: Json, *, now: datetime) -> bool:
    """Have looked up what the event is about; False for one that is no business of ours or was heard before."""
    kind, event_id = event.get("type"), event.get("id")
    if kind not in HEARD or not isinstance(event_id, str):
        return False
    told = _member(_member(event, "data"), "object")
    with transaction.atomic():
        if not StripeEvent.objects.get_or_create(id=event_id[:255], defaults={"heard_at": now})[1]:
            return False
        if kind == "invoice.payment_failed":
            _hear_of_invoice(told, now=now)
        elif kind.startswith("customer.subscription."):
            _look_at_subscription(told, now=now)
        else:
            _look_at_checkout(told, str(told.get("id", "")), now=now)
        doorbell.ring()
    return True


def _hear_of_invoice(invoice: Json, *, now: datetime) -> None:
    # Where the subscription stands depends on the version of Stripe's API that the webhook was made with.
    newer = _member(_member(invoice, "parent"), "subscription_details").get("subscription")
    stripe_id = str(newer or invoice.get("subscription") or "")
    subscription = Subscription.objects.exclude(stripe_id="").filter(stripe_id=stripe_id, is_live=True).first()
    if subscription is not None:
        Subscription.objects.filter(pk=subscription.pk).update(next_check_at=now)
        subscriptions.record_failed_payment(subscription, now=now)


def _look_at_subscription(told: Json, *, now: datetime) -> None:
    known = Subscription.objects.exclude(stripe_id="").filter(stripe_id=str(told.get("id", "")))
    if not known.exclude(status=subscriptions.SUPERSEDED).update(next_check_at=now):
        _look_at_checkout(told, "", now=now)  # its checkout's event was lost, or comes later


def _look_at_checkout(told: Json, session_id: str, *, now: datetime) -> None:
    """By the mark that we gave it, since a session's id may not have reached us; else by that id."""
    marked = parse_id(_member(told, "metadata").get("checkout"))
    if marked and Checkout.objects.filter(pk=marked, via="stripe").update(next_check_at=now):
        return
    if session_id:
        Checkout.objects.filter(session_id=session_id).update(next_check_at=now)


def _member(value: Json, name: str) -> Json:
    found = value.get(name)
    return found if isinstance(found, dict) else {}
