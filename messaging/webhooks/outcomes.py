"""What came of attempts, written down in batches: the attempts, their deliveries, the endpoints, the event."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

import structlog
from django.conf import settings
from django.db import DataError, IntegrityError, transaction

from mailboxes import events, statements
from mailboxes.events import moment_text
from mailboxes.ids import new_id
from messaging.faultpoints import faultpoint
from messaging.models import DeliveryStatus, EndpointStatus

from . import schedule
from .telling import NOT_TOLD, Outcome

log = structlog.get_logger(__name__)

LOCK = """
SELECT id, account_id, mailbox_id, status, failure_count, failing_since FROM messaging_webhookendpoint
WHERE id = ANY(%(ids)s) ORDER BY id FOR NO KEY UPDATE
"""
# Only what this process has leased still: what came too late is somebody else's by now, or deleted.
RECORD = """
WITH given AS (
    SELECT * FROM json_to_recordset(%(given)s::json) AS given(
        delivery uuid, lease timestamptz, attempt uuid, number smallint, started_at timestamptz, duration_ms int,
        response_status smallint, code text, is_attempt bool, status text, next_at timestamptz)
), moved AS (
    UPDATE messaging_webhookdelivery AS d
    SET status = given.status, next_at = given.next_at, leased_until = NULL, code = given.code,
        attempts = CASE WHEN given.is_attempt THEN given.number ELSE d.attempts END,
        attempted_at = CASE WHEN given.is_attempt THEN given.started_at ELSE d.attempted_at END,
        response_status = CASE WHEN given.is_attempt THEN given.response_status ELSE d.response_status END
    FROM given WHERE d.id = given.delivery AND d.leased_until = given.lease
    RETURNING given.*
), written AS (
    INSERT INTO messaging_webhookattempt (
        id, delivery_id, number, started_at, duration_ms, response_status, code)
    SELECT attempt, delivery, number, started_at, duration_ms, response_status, code FROM moved WHERE is_attempt
)
SELECT delivery FROM moved
"""
STAND = """
UPDATE messaging_webhookendpoint AS w
SET last_triggered_at = greatest(w.last_triggered_at, given.triggered_at), failure_count = given.failures,
    failing_since = given.since, status = given.status
FROM json_to_recordset(%(given)s::json) AS given(
    id uuid, triggered_at timestamptz, failures int, since timestamptz, status text)
WHERE w.id = given.id
"""
# Once: what was given up after it had come back has `attempts_before`.
BRING_BACK = """
UPDATE messaging_webhookdelivery SET status = 'PENDING', next_at = %(now)s, attempts_before = attempts
WHERE endpoint_id = ANY(%(endpoints)s) AND status = 'FAILED' AND attempts > 0 AND attempts_before = 0
"""


class _Endpoint(NamedTuple):
    """An endpoint as it stood before, locked."""

    pk: UUID
    account_id: UUID
    mailbox_id: UUID | None
    status: str
    failure_count: int
    failing_since: datetime | None


@dataclass(frozen=True, slots=True)
class _Standing:
    """How an endpoint stands after a batch of its attempts."""

    endpoint: _Endpoint
    triggered_at: datetime
    failures: int
    since: datetime | None
    has_answered: bool
    last: Outcome

    @property
    def fails_now(self) -> bool:
        """Whether this batch was too much."""
        return self.endpoint.status == EndpointStatus.ACTIVE and self.failures >= settings.WEBHOOK_FAILURES

    @property
    def status(self) -> str:
        return EndpointStatus.FAILED if self.fails_now else self.endpoint.status


def record(outcomes: Sequence[Outcome], *, now: datetime) -> None:
    """Write the outcomes of attempts that this process made, in one transaction; late ones change nothing.

    What the database refuses is left to its lease, alone: no other outcome is lost for it.
    """
    try:
        _record(outcomes, now=now)
    except (IntegrityError, DataError):
        if len(outcomes) == 1:
            log.exception("webhook.outcome_refused", delivery=str(outcomes[0].claim.delivery_id))
            return
        for one in outcomes:
            record([one], now=now)


def _record(outcomes: Sequence[Outcome], *, now: datetime) -> None:
    with transaction.atomic():
        # Lock order: endpoints → deliveries → event counters.
        ids = list({one.claim.endpoint_id for one in outcomes})
        endpoints = {row[0]: _Endpoint._make(row) for row in statements.run(LOCK, {"ids": ids})}
        written = _write([one for one in outcomes if one.claim.endpoint_id in endpoints])
        standings = _standings(written, endpoints)
        if standings:
            _settle(standings, now=now)
    faultpoint("hook.after_commit")


def _write(outcomes: Sequence[Outcome]) -> list[Outcome]:
    """Move the deliveries, and say which of them were still ours."""
    given = statements.as_json([_row(one) for one in outcomes])
    moved = {pk for (pk,) in statements.run(RECORD, {"given": given})}
    return [one for one in outcomes if one.claim.delivery_id in moved]


def _row(one: Outcome) -> dict[str, object]:
    status, next_at = _next(one)
    return {
        "delivery": one.claim.delivery_id,
        "lease": one.claim.leased_until,
        "attempt": new_id(),
        "number": one.claim.number,
        "started_at": one.started_at,
        "duration_ms": round((one.ended_at - one.started_at).total_seconds() * 1000),
        "response_status": one.status,
        "code": one.code,
        "is_attempt": one.code != NOT_TOLD,
        "status": status,
        "next_at": next_at,
    }


def _next(one: Outcome) -> tuple[str, datetime | None]:
    if one.is_taken:
        return DeliveryStatus.DELIVERED, None
    if one.code == NOT_TOLD:
        return DeliveryStatus.FAILED, None
    again_at = schedule.next_attempt_at(one.claim.try_number, wish=one.wish, now=one.ended_at)
    return (DeliveryStatus.PENDING if again_at else DeliveryStatus.FAILED), again_at


def _standings(outcomes: Sequence[Outcome], endpoints: dict[UUID, _Endpoint]) -> list[_Standing]:
    by_endpoint: dict[UUID, list[Outcome]] = defaultdict(list)
    for one in sorted(outcomes, key=lambda one: one.ended_at):
        if one.is_taken or one.is_their_failure:
            by_endpoint[one.claim.endpoint_id].append(one)
    return [_standing(endpoints[pk], by_endpoint[pk]) for pk in sorted(by_endpoint)]


def _standing(endpoint: _Endpoint, outcomes: Sequence[Outcome]) -> _Standing:
    """Failures count in a row, over all deliveries of the endpoint, in the order in which they ended."""
    failures, since = endpoint.failure_count, endpoint.failing_since
    for one in outcomes:
        failures, since = (0, None) if one.is_taken else (failures + 1, since or one.started_at)
    has_answered = any(one.is_taken for one in outcomes)
    triggered_at = max(one.started_at for one in outcomes)
    return _Standing(endpoint, triggered_at, failures, since, has_answered, outcomes[-1])


def _settle(standings: Sequence[_Standing], *, now: datetime) -> None:
    given = [
        {
            "id": one.endpoint.pk,
            "triggered_at": one.triggered_at,
            "failures": one.failures,
            "since": one.since,
            "status": one.status,
        }
        for one in standings
    ]
    statements.run(STAND, {"given": statements.as_json(given)})
    answered = [one.endpoint.pk for one in standings if one.has_answered]
    if answered:
        statements.run(BRING_BACK, {"endpoints": answered, "now": now})
    for one in sorted(standings, key=lambda one: one.endpoint.account_id):
        if one.fails_now:
            _tell_of_failure(one, now=now)


def _tell_of_failure(one: _Standing, *, now: datetime) -> None:
    data: dict[str, object] = {
        "webhook_id": str(one.endpoint.pk),
        "failures": one.failures,
        "since": moment_text(one.since) if one.since else None,
        "response_status": one.last.status,
        "code": one.last.code,
    }
    events.record(
        one.endpoint.account_id,
        "webhook.failed",
        subject=str(one.endpoint.pk),
        data=data,
        now=now,
        mailbox_id=one.endpoint.mailbox_id,
    )
