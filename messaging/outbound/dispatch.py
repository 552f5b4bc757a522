"""The loop that empties the outbox: claim, attempt, write down, until nothing is due."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Sequence

import structlog

from mailboxes import clock, epoch
from messaging import shutdown, wakeup
from messaging.models import Attempt

from . import delivery, outbox, outcomes
from .answers import Answers
from .outcomes import DATABASE_LOST, GIVEN_BACK, OutcomeKind

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


def _attempt_all(claimed: Sequence[Attempt]) -> int:
    """Attempt each once and write down what came of it; how many were attempted."""
    now, answers, made = clock.now(), Answers(), 0
    waiting = deque(delivery.load(claimed))
    is_database_lost = False
    while waiting:
        mail = waiting.popleft()
        if shutdown.is_asked() or is_database_lost:
            answers.add(mail, DATABASE_LOST if is_database_lost else GIVEN_BACK)
            continue
        outcome = delivery.attempt(mail, now=now, answers=answers)
        made += 1
        answers.add(mail, outcome)
        is_database_lost = outcome is DATABASE_LOST
        if answers.are_urgent:
            answers.write()
        if outcome.kind is OutcomeKind.WITHDRAWN and not is_database_lost:
            # Stopped or closed: the others need not be offered to the relay to learn the same.
            waiting = deque(delivery.load(waiting))
    answers.write()
    return made
