"""The loop that empties the outbox: claim, attempt, record, until nothing is due."""

from __future__ import annotations

import time

import structlog

from mailboxes import clock, epoch
from messaging import shutdown, wakeup
from messaging.models import Attempt

from . import delivery, outbox, outcomes

log = structlog.get_logger(__name__)

BATCH = 20
# A call ends in reasonable time whatever is due, so that a worker can be stopped, and its memory be given back.
BUSY_FOR = 10.0


def drain(*, batch: int = BATCH, busy_for: float = BUSY_FOR) -> int:
    """Send what is due and say how many attempts were made. Any number of workers may do so at once.

    Ends after about `busy_for` seconds and rings for a successor when more is due. On SIGTERM, or when the worker shuts
    down, the mail in hand is finished and the rest of the claim is given back.
    """
    if not epoch.may_send(now=clock.now()):
        return 0
    with shutdown.termination_waits():
        made = _drain(batch=batch, until=time.monotonic() + busy_for)
        if made:
            epoch.advance()  # a backup made in the middle of the last batch is an older one, too
    return made


def take_back_overdue() -> int:
    """End the attempts of workers that are gone, and wake somebody for what may go again."""
    count = outcomes.take_back(limit=500, now=clock.now())
    if count:
        log.warning("outbox.taken_back", count=count)
        wakeup.ring(wakeup.DRAIN_OUTBOX)
    return count


def _drain(*, batch: int, until: float) -> int:
    made = 0
    while not shutdown.is_asked():
        claimed = outbox.claim_due(limit=batch, now=clock.now())
        made += _attempt_all(claimed)
        if len(claimed) < batch:
            break
        if time.monotonic() > until:
            wakeup.ring(wakeup.DRAIN_OUTBOX)
            break
    return made


def _attempt_all(claimed: list[Attempt]) -> int:
    made = 0
    now = clock.now()
    for attempt in delivery.load(claimed):
        if shutdown.is_asked():
            outcome = outcomes.GIVEN_BACK
        else:
            outcome = delivery.attempt(attempt, now=now)
            made += 1
        now = clock.now()
        outcomes.record(attempt, outcome, now=now)
    return made
