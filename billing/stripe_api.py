"""All that is said to Stripe, in our words. Never called inside of a transaction."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import stripe
import structlog
from django.conf import settings

from mailboxes.errors import Problem

log = structlog.get_logger(__name__)

stripe.enable_telemetry = False

# With two repetitions still shorter than the 30 seconds that callers wait.
TIMEOUT_SECONDS = 7
REPETITIONS = 2
LIVE = frozenset({"active", "trialing", "past_due"})
INTERVALS = {"monthly": "month", "annual": "year"}


class StripeFailed(Problem):
    """Stripe did not do what was asked. `is_final`: asked the same way it will never do it."""

    status = 502
    code = "stripe_failed"

    def __init__(self, *, is_final: bool) -> None:
        super().__init__(
            "The payment service did not answer as it should.",
            fix="Try again in a minute; nothing was charged.",
            headers={"Retry-After": "60"},
        )
        self.is_final = is_final


class StripeLacks(StripeFailed):
    """Stripe knows nothing of that id."""

    def __init__(self) -> None:
        super().__init__(is_final=True)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a checkout session is to sell, to whom. `key` is Stripe's idempotency key: one session per key."""

    key: str
    account_id: str
    plan: str
    period: str
    amount: int
    currency: str
    page_url: str
    email: str
    customer_id: str = ""


@dataclass(frozen=True, slots=True)
class Bought:
    """A subscription as Stripe has it at this moment."""

    stripe_id: str
    customer_id: str
    status: str

    @property
    def is_live(self) -> bool:
        return self.status in LIVE


@dataclass(frozen=True, slots=True)
class Session:
    """A checkout session as Stripe has it: `open`, `complete` or `expired`, and what was bought."""

    session_id: str
    status: str
    url: str
    expires_at: datetime
    bought: Bought | None = None


def is_linked() -> bool:
    """Whether plans are paid at Stripe."""
    return bool(settings.STRIPE_SECRET_KEY)


def open_session(wanted: Wanted) -> Session:
    """The session of that key: a new one, or the one that an earlier call with the key made."""
    buyer = {"customer": wanted.customer_id} if wanted.customer_id else {"customer_email": wanted.email}
    marks = {"checkout": wanted.key, "account": wanted.account_id, "plan": wanted.plan, "period": wanted.period}
    params: Any = {
        "mode": "subscription",
        **buyer,
        "client_reference_id": wanted.account_id,
        "line_items": [
            {
                "quantity": 1,
                "price_data": {
                    "currency": wanted.currency,
                    "unit_amount": wanted.amount,
                    "recurring": {"interval": INTERVALS[wanted.period]},
                    "product_data": {"name": f"Gatepost {wanted.plan}"},
                },
            }
        ],
        "metadata": marks,
        "subscription_data": {"metadata": marks},
        "success_url": wanted.page_url,
        "cancel_url": wanted.page_url,
    }
    with _client() as client:
        return _session(client.v1.checkout.sessions.create(params, {"idempotency_key": wanted.key}))


def find_session(session_id: str) -> Session:
    """How the session stands. Raises StripeLacks."""
    with _client() as client:
        return _session(client.v1.checkout.sessions.retrieve(session_id, {"expand": ["subscription"]}))


def expire_session(session_id: str) -> None:
    """Nobody can pay it any more."""
    with _client() as client:
        client.v1.checkout.sessions.expire(session_id)


def find_subscription(stripe_id: str) -> Bought:
    """How the subscription stands. Raises StripeLacks."""
    with _client() as client:
        return _bought(client.v1.subscriptions.retrieve(stripe_id))


def cancel_subscription(stripe_id: str) -> None:
    """End it now; what was paid for the rest of the period becomes credit of the customer."""
    with _client() as client:
        client.v1.subscriptions.cancel(stripe_id, {"prorate": True, "invoice_now": True})


def delete_customer(customer_id: str) -> None:
    """Stripe forgets who it was, and ends whatever they pay for."""
    with _client() as client:
        client.v1.customers.delete(customer_id)


@contextmanager
def _client() -> Iterator[stripe.StripeClient]:
    http = stripe.RequestsClient(timeout=TIMEOUT_SECONDS)
    try:
        yield stripe.StripeClient(
            settings.STRIPE_SECRET_KEY,
            base_addresses={"api": settings.STRIPE_API_URL},
            http_client=http,
            max_network_retries=REPETITIONS,
        )
    except stripe.StripeError as error:
        raise _failure(error) from error
    finally:
        http.close()  # type: ignore[no-untyped-call]  # the SDK has no types there


def _failure(error: stripe.StripeError) -> StripeFailed:
    log.warning("stripe.failed", status=error.http_status, code=error.code, error=error.user_message)
    if error.http_status == 404:
        return StripeLacks()
    # An answer is kept for its idempotency key, even one that says 500; only no answer at all can become another one.
    answered = error.http_status is not None and error.http_status not in (409, 429)
    return StripeFailed(is_final=answered)


def _session(found: stripe.checkout.Session) -> Session:
    bought = found.subscription
    return Session(
        session_id=found.id,
        status=found.status or "",
        url=found.url or "",
        expires_at=datetime.fromtimestamp(found.expires_at, UTC),
        bought=_bought(bought) if isinstance(bought, stripe.Subscription) else None,
    )


def _bought(found: stripe.Subscription) -> Bought:
    customer = found.customer
    return Bought(found.id, customer if isinstance(customer, str) else customer.id, found.status)
