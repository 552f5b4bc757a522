"""Wakes whoever looks at Stripe. A lost ring costs a minute: the sweep looks too."""

from __future__ import annotations

from messaging import wakeup

RECONCILE = "billing.reconcile"


def ring() -> None:
    """Have what is due looked at once the transaction is committed."""
    wakeup.ring(RECONCILE)
