"""What came of an attempt, written down: the attempt, its recipient, the message, the event, in one transaction."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

import structlog
from django.db import transaction
from django.db.models import Min

from messaging import lifecycle
from messaging.faultpoints import faultpoint
from messaging.models import Attempt, AttemptPhase, Recipient, RecipientState

from . import backoff

log = structlog.get_logger(__name__)

LEASE = timedelta(minutes=15)


class OutcomeKind(StrEnum):
    """SENT: the next hop took it. DEFERRED: certainly not taken, again later. FAILED: never. UNKNOWN: bytes may have
    left, the answer is lost. WITHDRAWN: not tried to the end, nothing left; due again at once.
    """

    SENT = "sent"
    DEFERRED = "deferred"
    FAILED = "failed"
    UNKNOWN = "unknown"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True, slots=True)
class Outcome:
    """`code` is the next hop's reply code or a word of ours; `afterwards` runs once the outcome is committed."""

    kind: OutcomeKind
    code: str
    text: str
    afterwards: Callable[[], None] | None = None


GIVEN_BACK = Outcome(OutcomeKind.WITHDRAWN, "worker_stopping", "The worker was stopped before it came to this mail.")

STATE_AFTER = {
    OutcomeKind.SENT: RecipientState.SENT,
    OutcomeKind.DEFERRED: RecipientState.DEFERRED,
    OutcomeKind.FAILED: RecipientState.FAILED,
    OutcomeKind.UNKNOWN: RecipientState.UNKNOWN,
    OutcomeKind.WITHDRAWN: RecipientState.WAITING,
}
# An answer that comes after the reaper gave the attempt up is evidence; anything less says nothing new.
EVIDENCE = frozenset({OutcomeKind.SENT, OutcomeKind.FAILED})


def record(attempt: Attempt, outcome: Outcome, *, now: datetime) -> None:
    """Write the outcome of an attempt that this worker made, with its event. Late ones count as evidence only."""
    with transaction.atomic():
        apply([(attempt, outcome)], now=now)
        faultpoint("smtp.before_result_commit")
    faultpoint("smtp.after_result_commit")
    if outcome.afterwards is not None:
        _run(outcome.afterwards)


def take_back(*, limit: int, now: datetime) -> int:
    """End attempts whose worker is gone (lease over), and say how many.

    Without the mark nothing has left: due again at once. With it the outcome is unknown, and the machine stays away.
    """
    with transaction.atomic():
        overdue = list(
            Attempt.objects.select_for_update(of=("self",), skip_locked=True)
            .select_related("recipient")
            .filter(finished_at__isnull=True, lease_until__lt=now)
            .order_by("recipient_id")[:limit]
        )
        apply([(attempt, _of_lost(attempt)) for attempt in overdue], now=now)
    return len(overdue)


def apply(outcomes: Sequence[tuple[Attempt, Outcome]], *, now: datetime) -> None:
    """Write outcomes in the caller's transaction. Lock order: attempts → recipients → messages → event counters."""
    for attempt, outcome in outcomes:
        _apply(attempt, outcome, now=now)
    lifecycle.fold([attempt.recipient.message_id for attempt, _ in outcomes], now=now)


def _apply(attempt: Attempt, outcome: Outcome, *, now: datetime) -> None:
    unfinished = Attempt.objects.filter(pk=attempt.pk, finished_at__isnull=True)
    given_up = Attempt.objects.filter(pk=attempt.pk, outcome=OutcomeKind.UNKNOWN)
    columns = {"outcome": outcome.kind, "code": outcome.code[:60], "text": outcome.text}
    if unfinished.update(phase=AttemptPhase.FINISHED, finished_at=now, **columns):
        _move(attempt, RecipientState.SENDING, outcome, now=now)
    elif outcome.kind in EVIDENCE and given_up.update(**columns):
        _move(attempt, RecipientState.UNKNOWN, outcome, now=now)


def _move(attempt: Attempt, origin: RecipientState, outcome: Outcome, *, now: datetime) -> None:
    """The recipient's next state. `attempts_count` fences off an attempt that is no longer the newest."""
    columns: dict[str, object] = {"state": STATE_AFTER[outcome.kind], "next_at": None}
    columns |= {"code": outcome.code[:60], "text": outcome.text}
    if outcome.kind is OutcomeKind.WITHDRAWN:
        columns |= {"next_at": now, "code": "", "text": ""}
    elif outcome.kind is OutcomeKind.DEFERRED:
        columns |= _later_or_never(attempt, outcome, now=now)
    recipients = Recipient.objects.filter(pk=attempt.recipient_id, state=origin, attempts_count=attempt.number)
    recipients.update(**columns)


def _later_or_never(attempt: Attempt, outcome: Outcome, *, now: datetime) -> dict[str, object]:
    tried = Attempt.objects.filter(recipient_id=attempt.recipient_id)
    first_at = tried.aggregate(first_at=Min("started_at"))["first_at"]
    next_at = backoff.next_attempt_at(attempt.number, first_at=first_at, now=now)
    if next_at is not None:
        return {"next_at": next_at}
    text = f"Given up after {attempt.number} attempts. The last answer: {outcome.code} {outcome.text}"
    return {"state": RecipientState.FAILED, "code": "gave_up", "text": text}


def _of_lost(attempt: Attempt) -> Outcome:
    if attempt.phase == AttemptPhase.DATA:
        lost = "The worker was lost after the message may have left; its answer is not known."
        return Outcome(OutcomeKind.UNKNOWN, "answer_lost", lost)
    if attempt.number >= backoff.MAX_ATTEMPTS:
        return Outcome(OutcomeKind.FAILED, "gave_up", f"Given up: {attempt.number} attempts did not come to an end.")
    return Outcome(OutcomeKind.WITHDRAWN, "lease_over", "The worker was lost before anything left.")


def _run(afterwards: Callable[[], None]) -> None:
    try:
        afterwards()
    except Exception:
        # The sandbox's play is over; the outcome stands.
        log.warning("sandbox.reaction_lost", exc_info=True)
