"""What came of an attempt, written down: the attempt, its recipient, the message, the event, in one transaction."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol
from uuid import UUID

import structlog
from django.db import DataError, IntegrityError, InternalError, transaction
from django.db.models.functions import Coalesce

from mailboxes import statements
from messaging import lifecycle
from messaging.faultpoints import faultpoint
from messaging.models import Attempt, AttemptPhase, RecipientState

from . import backoff, giving_up
from .giving_up import GAVE_UP

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

    @property
    def short_code(self) -> str:
        return self.code[:60]


class Halt(Exception):
    """An attempt ends before its body: with this outcome."""

    def __init__(self, kind: OutcomeKind, code: str, text: str) -> None:
        super().__init__(code)
        self.outcome = Outcome(kind, code, text)


class Tried(Protocol):
    """What an outcome is of: an Attempt, or the Mail that a worker made of it."""

    @property
    def pk(self) -> UUID: ...
    @property
    def recipient_id(self) -> UUID: ...
    @property
    def number(self) -> int: ...


GIVEN_BACK = Outcome(OutcomeKind.WITHDRAWN, "worker_stopping", "The worker was stopped before it came to this mail.")
DATABASE_LOST = Outcome(OutcomeKind.WITHDRAWN, "database_lost", "The database could not be asked whether it may leave.")
ANSWER_LOST = Outcome(
    OutcomeKind.UNKNOWN,
    "answer_lost",
    "The worker was lost after the message may have left; its answer is not known.",
)
# What a constraint or a trigger may say of a row; a lost connection or a deadlock says nothing of it.
REFUSALS = (IntegrityError, DataError, InternalError)

STATE_AFTER = {
    OutcomeKind.SENT: RecipientState.SENT,
    OutcomeKind.DEFERRED: RecipientState.DEFERRED,
    OutcomeKind.FAILED: RecipientState.FAILED,
    OutcomeKind.UNKNOWN: RecipientState.UNKNOWN,
    OutcomeKind.WITHDRAWN: RecipientState.WAITING,
}

# An attempt that the reaper gave up takes a late answer as evidence (sent, failed); anything less says nothing new.
# `attempts_count` fences off an attempt that is no longer its recipient's newest.
FINISH = """
WITH given AS (
    SELECT * FROM json_to_recordset(%(given)s::json) AS given(
        id uuid, outcome text, code text, text text,
        state text, next_at timestamptz, shown_code text, shown_text text)
), ended AS (
    SELECT t.recipient_id, t.number, t.finished_at IS NULL AS is_in_time, given.*
    FROM messaging_attempt t JOIN given ON given.id = t.id
    WHERE t.id = ANY(%(attempts)s)
        AND (t.finished_at IS NULL OR t.outcome = 'unknown' AND given.outcome IN ('sent', 'failed'))
    ORDER BY t.recipient_id FOR NO KEY UPDATE OF t
), newest AS (
    SELECT r.id, ended.state, ended.next_at, ended.shown_code, ended.shown_text
    FROM messaging_recipient r JOIN ended ON ended.recipient_id = r.id
    WHERE r.attempts_count = ended.number
        AND r.state = CASE WHEN ended.is_in_time THEN 'sending' ELSE 'unknown' END
    ORDER BY r.id FOR NO KEY UPDATE OF r
), written AS (
    UPDATE messaging_attempt t
    SET phase = 'finished', finished_at = coalesce(t.finished_at, %(now)s),
        outcome = ended.outcome, code = ended.code, text = ended.text
    FROM ended WHERE t.id = ended.id
)
UPDATE messaging_recipient r
SET state = newest.state, next_at = newest.next_at, code = newest.shown_code, text = newest.shown_text
FROM newest WHERE r.id = newest.id
RETURNING r.message_id
"""
FIRST_TRIES = """
SELECT t.recipient_id, min(t.started_at), coalesce(r.tried_before, 0)
FROM messaging_attempt t JOIN messaging_recipient r ON r.id = t.recipient_id
WHERE t.recipient_id = ANY(%(recipients)s) AND t.number > coalesce(r.tried_before, 0)
GROUP BY 1, 3
"""
# Counters of the server begin anew when it crashed, and not when it was shut down in good order.
LAST_CRASH = "SELECT greatest(pg_postmaster_start_time(), stats_reset) FROM pg_stat_bgwriter"


@dataclass(frozen=True, slots=True)
class _Round:
    """The tries that count: since when, and how many there were before a person gave it another round of them."""

    first_at: datetime
    tried_before: int = 0


@dataclass(frozen=True, slots=True)
class _Shown:
    """What the recipient shows from now on."""

    state: RecipientState
    next_at: datetime | None
    code: str
    text: str


def record(attempt: Tried, outcome: Outcome, *, now: datetime) -> None:
    """Write the outcome of one attempt, as `record_all` does."""
    record_all([(attempt, outcome)], now=now)


def record_all(outcomes: Sequence[tuple[Tried, Outcome]], *, now: datetime) -> None:
    """Write the outcomes of attempts that this worker made, with their events. Late ones count as evidence only."""
    with transaction.atomic():
        apply(outcomes, now=now)
        faultpoint("smtp.before_result_commit")
    faultpoint("smtp.after_result_commit")
    for _, outcome in outcomes:
        if outcome.afterwards is not None:
            _run(outcome.afterwards)


def take_back(*, limit: int, now: datetime) -> int:
    """End attempts whose worker is gone (lease over), and say how many.

    What was answered ends so. Without the mark nothing has left: due again at once. With it the outcome is unknown, and
    the machine stays away; so it is when the mark may have been lost with the server.
    """
    with transaction.atomic():
        overdue = list(
            Attempt.objects.select_for_update(skip_locked=True, of=("self",))
            .annotate(tried_before=Coalesce("recipient__tried_before", 0))
            .filter(finished_at__isnull=True, lease_until__lt=now)
            .order_by("recipient_id")[:limit]
        )
        if overdue:
            ((crashed_at,),) = statements.run(LAST_CRASH, {})
            _end_lost([(attempt, _of_lost(attempt, crashed_at=crashed_at)) for attempt in overdue], now=now)
    return len(overdue)


def apply(outcomes: Sequence[tuple[Tried, Outcome]], *, now: datetime) -> None:
    """Write outcomes in the caller's transaction. Lock order: attempts → recipients → messages → event counters."""
    if not outcomes:
        return
    deferred = [attempt.recipient_id for attempt, outcome in outcomes if outcome.kind is OutcomeKind.DEFERRED]
    rounds = (
        {pk: _Round(*rest) for pk, *rest in statements.run(FIRST_TRIES, {"recipients": deferred})} if deferred else {}
    )
    shown = [
        _shown(attempt, outcome, round_of=rounds.get(attempt.recipient_id, _Round(now)), now=now)
        for attempt, outcome in outcomes
    ]
    given = [_row(attempt, outcome, one) for (attempt, outcome), one in zip(outcomes, shown, strict=True)]
    named = {"given": json.dumps(given), "attempts": [attempt.pk for attempt, _ in outcomes], "now": now}
    moved = statements.run(FINISH, named)
    spent = [attempt.recipient_id for (attempt, _), one in zip(outcomes, shown, strict=True) if one.code == GAVE_UP]
    if spent:
        giving_up.note(spent, now=now)
    lifecycle.fold([message_id for (message_id,) in moved], now=now)


def _end_lost(lost: Sequence[tuple[Attempt, Outcome]], *, now: datetime) -> None:
    try:
        with transaction.atomic():
            apply(lost, now=now)
    except REFUSALS:
        for attempt, outcome in lost:
            try:
                with transaction.atomic():
                    apply([(attempt, outcome)], now=now)
            except REFUSALS:
                log.exception("reaper.outcome_refused", attempt=str(attempt.pk), outcome=outcome.kind)
                apply([(attempt, ANSWER_LOST)], now=now)


def _shown(attempt: Tried, outcome: Outcome, *, round_of: _Round, now: datetime) -> _Shown:
    state = STATE_AFTER[outcome.kind]
    if outcome.kind is OutcomeKind.WITHDRAWN:
        return _Shown(state, now, "", "")
    if outcome.kind is not OutcomeKind.DEFERRED:
        return _Shown(state, None, outcome.short_code, outcome.text)
    number = attempt.number - round_of.tried_before
    next_at = backoff.next_attempt_at(number, first_at=round_of.first_at, now=now)
    if next_at is not None:
        return _Shown(state, next_at, outcome.short_code, outcome.text)
    text = f"Given up after {number} attempts. The last answer: {outcome.code} {outcome.text}"
    return _Shown(RecipientState.FAILED, None, GAVE_UP, text)


def _row(attempt: Tried, outcome: Outcome, shown: _Shown) -> dict[str, str | None]:
    return {
        "id": attempt.pk.hex,
        "outcome": outcome.kind.value,
        "code": outcome.short_code,
        "text": outcome.text,
        "state": shown.state.value,
        "next_at": shown.next_at.isoformat() if shown.next_at else None,
        "shown_code": shown.code,
        "shown_text": shown.text,
    }


def _of_lost(attempt: Attempt, *, crashed_at: datetime) -> Outcome:
    if attempt.phase == AttemptPhase.ANSWERED:
        return Outcome(OutcomeKind(attempt.outcome), attempt.code, attempt.text)
    if attempt.phase == AttemptPhase.DATA:
        return ANSWER_LOST
    if attempt.started_at < crashed_at:
        lost = "The database and the worker were lost together; whether the message has left is not known."
        return Outcome(OutcomeKind.UNKNOWN, "mark_lost", lost)
    number = attempt.number - attempt.tried_before  # type: ignore[attr-defined]  # `take_back` put it there
    if number >= backoff.MAX_ATTEMPTS:
        return Outcome(OutcomeKind.FAILED, GAVE_UP, f"Given up: {number} attempts did not come to an end.")
    return Outcome(OutcomeKind.WITHDRAWN, "lease_over", "The worker was lost before anything left.")


def _run(afterwards: Callable[[], None]) -> None:
    try:
        afterwards()
    except Exception:
        # The sandbox's play is over; the outcome stands.
        log.warning("sandbox.reaction_lost", exc_info=True)
