"""Sweeps of the human side. Each calls one verb; what a lost run left, the next one finds."""

from __future__ import annotations

from celery import shared_task

from mailboxes import access_log, clock, erasure
from mailboxes.api import idempotency
from mailboxes.audit import checks, heads

from . import (
    act_notices,
    audit_checks,
    back_test_runs,
    backtest,
    batches,
    bulk,
    copies,
    copying,
    demotions,
    departures,
    due_notices,
    releases,
    returns,
    review_notices,
    reviews,
    revoked_keys,
    suggestions,
    trust_notices,
)


@shared_task(name="oversight.expire_reviews")
def expire_reviews() -> None:
    reviews.expire_due(now=clock.now())


@shared_task(name=copies.COPY_MONITORED)
def copy_monitored() -> None:
    copying.send_due(now=clock.now())


@shared_task(name="oversight.expire_returned")
def expire_returned() -> None:
    returns.expire_due(now=clock.now())


@shared_task(name="oversight.release_approved")
def release_approved() -> None:
    releases.release_due(now=clock.now())


@shared_task(name=bulk.RUN_BATCHES)
def run_batches() -> None:
    """Decide what people have asked for many at once. Rung by whoever asks, and swept."""
    batches.run_due()


@shared_task(name=backtest.RUN_BACK_TESTS)
def run_back_tests() -> None:
    """Try rules on past mail. Rung by whoever asks, and swept."""
    back_test_runs.run_due()


@shared_task(name="oversight.cancel_departed")
def cancel_departed() -> None:
    departures.cancel_due(now=clock.now())


@shared_task(name="oversight.erase_departed")
def erase_departed() -> None:
    erasure.erase_due(now=clock.now())


@shared_task(name="oversight.forget_old_answers")
def forget_old_answers() -> None:
    idempotency.forget_old(now=clock.now())


@shared_task(name="oversight.forget_old_calls")
def forget_old_calls() -> None:
    access_log.forget_old(now=clock.now())


@shared_task(name=revoked_keys.SETTLE)
def settle_revoked_keys() -> None:
    revoked_keys.settle(now=clock.now())


@shared_task(name=demotions.SETTLE)
def settle_demotions() -> None:
    demotions.settle(now=clock.now())


@shared_task(name="oversight.look_at_trust")
def look_at_trust() -> None:
    suggestions.look(now=clock.now())


@shared_task(name="oversight.send_trust_notices")
def send_trust_notices() -> None:
    trust_notices.send_due(now=clock.now())


@shared_task(name="oversight.sign_heads")
def sign_heads() -> None:
    heads.sign_moved(now=clock.now())


@shared_task(name=audit_checks.CHECK_AUDITS)
def check_audits() -> None:
    """Look at the logs that people asked about. Rung by whoever asks, and swept."""
    checks.run_due()


@shared_task(name=due_notices.TELL)
def tell_people() -> None:
    """Mail the house's own words. Rung by whatever they tell of, and swept."""
    due_notices.send_due(now=clock.now())


@shared_task(name="oversight.send_notices")
def send_notices() -> None:
    review_notices.send_due(now=clock.now())


@shared_task(name="oversight.tell_acts")
def tell_acts() -> None:
    act_notices.send_due(now=clock.now())
