"""How a worker is driven step by step: the one file here that knows how the outbox claims, marks and finishes."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from messaging.models import Attempt
from messaging.outbound import delivery, outbox, outcomes
from messaging.outbound.outcomes import Outcome, OutcomeKind

Claimed = Attempt


def claim(*, limit: int, now: datetime) -> list[Claimed]:
    return outbox.claim_due(limit=limit, now=now)


def recipient_of(claimed: Claimed) -> UUID:
    return claimed.recipient_id


def begin(claimed: Claimed, *, now: datetime) -> str:
    """Look once more and leave the mark: "data", or the outcome of an attempt that may not go on."""
    (loaded,) = delivery.load([claimed])
    try:
        delivery.preflight(loaded)
        delivery.mark(loaded)
    except outcomes.Halt as halt:
        outcomes.record(loaded, halt.outcome, now=now)
        return halt.outcome.kind.value
    return "data"


def answer(claimed: Claimed, kind: str, *, now: datetime) -> str:
    """The network's answer, given to the verb that writes it down."""
    outcomes.record(claimed, Outcome(OutcomeKind(kind), "250", "So it is."), now=now)
    return kind


def reap(*, now: datetime) -> int:
    return outcomes.take_back(limit=500, now=now)
