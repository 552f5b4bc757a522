"""Background work of billing. A task parses, calls one verb, and does nothing else."""

from __future__ import annotations

from celery import shared_task

from mailboxes import clock

from . import doorbell, reconciling


@shared_task(name=doorbell.RECONCILE)
def reconcile() -> None:
    """Look up at Stripe what may have changed there. Rung by its webhook, and swept."""
    reconciling.run(now=clock.now())
