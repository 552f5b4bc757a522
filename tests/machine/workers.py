"""How a worker is driven step by step: the one file here that knows how the outbox claims, marks and finishes."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from messaging.models import Attempt
from messaging.outbound import delivery, outbox, outcomes
from messaging.outbound.answers import Answers
from messaging.outbound.outcomes import Outcome, OutcomeKind

Claimed = Attempt


def claim(*, limit: int, now: datetime) -> list[Claimed]:
    return outbox.claim_due(limit=limit, now=now)


def recipient_of(claimed: Claimed) -> UUID:
    return claimed.recipient_id


def begin(claimed: Claimed, heard: Sequence[tuple[Claimed, str]] = (), *, now: datetime) -> str:
    """Look once more and leave the mark: "data", or the outcome of an attempt that may not go on.

    The mark notes what was `heard` of the mails before.
    """
    (loaded,) = delivery.load([claimed])
    answers = Answers()
    for other, kind in heard:
        answers.add(other, _outcome(kind))
    try:
        delivery.preflight(loaded)
        delivery.mark(loaded, answers=answers)
    except outcomes.Halt as halt:
        outcomes.record(loaded, halt.outcome, now=now)
        return halt.outcome.kind.value
    return "data"


def answer(given: list[tuple[Claimed, str]], *, now: datetime) -> None:
    """The network's answers, given to the verb that writes them down."""
    outcomes.record_all([(claimed, _outcome(kind)) for claimed, kind in given], now=now)


def _outcome(kind: str) -> Outcome:
    return Outcome(OutcomeKind(kind), "250", "So it is.")


def reap(*, now: datetime) -> int:
    return outcomes.take_back(limit=500, now=now)
