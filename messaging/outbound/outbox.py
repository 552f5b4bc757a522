"""The outbox: recipients that may be attempted, and since when.

Lock order, everywhere: switch's table → review → recipients → account (shared) → message → usage → event counter →
epoch or switch.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from datetime import datetime, timedelta
from uuid import UUID

import structlog
from django.db import transaction

from mailboxes import epoch, statements
from mailboxes.errors import Conflict
from mailboxes.ids import new_id
from mailboxes.statements import Step
from messaging import lifecycle, wakeup
from messaging.faultpoints import faultpoint
from messaging.lifecycle import Reason
from messaging.models import DUE_STATES, IRREVOCABLE, Attempt, Message, Recipient, RecipientState, Status

from . import drafts, giving_up
from .clearance import Clearance
from .outcomes import LEASE, REFUSALS
from .turns import Turns

log = structlog.get_logger(__name__)

TAKE = """
WITH taken AS (
    UPDATE messaging_recipient r
    SET state = 'sending', next_at = NULL, attempts_count = attempts_count + 1
    FROM unnest(%(recipients)s::uuid[], %(attempts)s::uuid[]) AS due(id, attempt)
    WHERE r.id = due.id
    RETURNING due.attempt, r.id, r.message_id, r.attempts_count
), begun AS (
    INSERT INTO messaging_attempt (
        id, recipient_id, number, version, phase, worker, started_at, lease_until, outcome, code, text)
    SELECT taken.attempt, taken.id, taken.attempts_count, m.current_version, 'started', %(worker)s, %(now)s,
        %(lease_until)s, '', '', ''
    FROM taken JOIN messaging_message m ON m.id = taken.message_id
    RETURNING id, recipient_id, number, version
)
SELECT begun.id, begun.recipient_id, taken.message_id, begun.number, begun.version
FROM begun JOIN taken ON taken.attempt = begun.id
"""
SET_ASIDE = """
UPDATE messaging_recipient SET state = 'deferred', next_at = %(next_at)s, code = %(code)s, text = %(text)s
WHERE id = %(recipient)s RETURNING message_id
"""
SET_ASIDE_FOR = timedelta(hours=1)

# The policy clears what was sealed a moment ago in the same transaction, so the kept seal is compared, not the bytes
# again; delivery compares those before they leave.
OPEN_SEALED = """along AS (
    UPDATE messaging_recipient r SET next_at = %(not_before)s
    FROM messaging_message m JOIN messaging_revision v ON v.message_id = m.id AND v.version = m.current_version
    WHERE r.message_id = %(message)s AND m.id = %(message)s AND r.state = 'waiting' AND v.seal = %(seal)s
    RETURNING r.id
)"""


def enqueue(message: Message, *, clearance: Clearance, not_before: datetime | None = None, now: datetime) -> None:
    """Queue the message. Raises Conflict if the clearance is for other bytes.

    A policy clearance opens an ACCEPTED message inside its accept transaction: it may leave from `not_before` on. A
    human one opens a HELD message: nothing of it is due before its `release`.
    """
    if clearance.is_by_policy:
        opened = Step(OPEN_SEALED, {"message": message.pk, "seal": clearance.seal, "not_before": not_before})
        lifecycle.advance(message, Status.QUEUED, now=now, only_with=opened, needs_decision=False)
        wakeup.ring(wakeup.DRAIN_OUTBOX)
        return
    if drafts.seal_of(message, bytes(drafts.current_revision(message).raw)) != clearance.seal:
        raise drafts.seal_differs()
    lifecycle.advance(message, Status.QUEUED, now=now, reason=Reason(data={"decision_id": str(clearance.decision_id)}))


def release(message: Message, *, now: datetime) -> None:
    """Let a QUEUED message that people approved leave now, in the caller's transaction, which looked once more."""
    Recipient.objects.filter(message=message, state=RecipientState.WAITING).update(next_at=now)
    wakeup.ring(wakeup.DRAIN_OUTBOX)


def hold(message: Message, *, reason: Reason, now: datetime) -> None:
    """Keep an ACCEPTED message until a human decides."""
    lifecycle.advance(message, Status.HELD, now=now, reason=reason)


def refuse(message: Message, *, reason: Reason, now: datetime) -> None:
    """Never let an ACCEPTED message leave."""
    lifecycle.advance(message, Status.REFUSED, now=now, reason=reason)


def hand_back(message: Message, *, reason: Reason, now: datetime) -> None:
    """Give a HELD message back to its author. Its recipients go on waiting: it may come again."""
    lifecycle.advance(message, Status.RETURNED, now=now, reason=reason)


def hold_again(message: Message, *, version: int, reason: Reason, now: datetime) -> None:
    """Keep a RETURNED message, in its new version, until a human decides."""
    lifecycle.advance(message, Status.HELD, now=now, reason=reason, current_version=version)


def withdraw(message: Message, to: Status, *, reason: Reason, now: datetime) -> None:
    """Take a QUEUED message back to HELD or CANCELLED.

    Raises Conflict while a worker holds any recipient, and once bytes may have left for one. An attempt that ended
    before its body (stopped, greylisted) is no hindrance.
    """
    recipients = Recipient.objects.select_for_update(no_key=True).filter(message=message).order_by("pk")
    if Attempt.objects.filter(IRREVOCABLE, recipient__in=list(recipients)).exists():
        raise Conflict(
            "The message was already handed to the mail server.", code="already_sending", fix="It can't be taken back."
        )
    # What waits for people needs them, though the policy alone may have let it leave before.
    needs_decision = to == Status.HELD or message.needs_decision
    lifecycle.advance(message, to, now=now, reason=reason, needs_decision=needs_decision)
    state = RecipientState.CANCELLED if to == Status.CANCELLED else RecipientState.WAITING
    waiting = Recipient.objects.filter(message=message, state__in=DUE_STATES)
    waiting.update(next_at=None, state=state, code="", text="")


def close(message: Message, to: Status, *, reason: Reason, now: datetime) -> None:
    """End a HELD or RETURNED message: rejected, expired or cancelled. None of its recipients will be attempted.

    One that the relay had refused before an undo keeps that end: it is the truth about its address.
    """
    lifecycle.advance(message, to, now=now, reason=reason)
    waiting = Recipient.objects.filter(message=message, state__in=DUE_STATES)
    waiting.update(next_at=None, state=RecipientState.CANCELLED)


def claim_due(*, limit: int, now: datetime, turns: Turns | None = None) -> list[Attempt]:
    """Take up to `limit` due recipients: attempt rows written and committed before anything touches the network.

    The accounts take turns. Whoever calls this attempts each recipient once, in the order given, or leaves it to the
    reaper when the lease is over.
    """
    turns = turns or Turns()
    try:
        return _claim(limit=limit, now=now, turns=turns, take=_take)
    except REFUSALS:
        # The database refuses an attempt (its guard says why): that one must not hold up the others.
        turns.step_back()
        return _claim(limit=limit, now=now, turns=turns, take=_take_one_by_one)


def _claim(
    *, limit: int, now: datetime, turns: Turns, take: Callable[[list[UUID], datetime], list[Attempt]]
) -> list[Attempt]:
    with transaction.atomic():
        attempts = take(turns.take(limit=limit, now=now), now)
        if attempts:
            epoch.advance()
        faultpoint("claim.before_commit")
    faultpoint("claim.after_commit")
    return attempts


def _take(recipients: list[UUID], now: datetime) -> list[Attempt]:
    if not recipients:
        return []
    lease_until, worker = now + LEASE, worker_name()
    ids = [new_id() for _ in recipients]
    named = {"recipients": recipients, "attempts": ids, "worker": worker, "now": now, "lease_until": lease_until}
    rows = {row[1]: row for row in statements.run(TAKE, named)}
    lifecycle.fold([row[2] for row in rows.values()], now=now)
    return [
        Attempt(
            id=rows[recipient][0],
            recipient_id=recipient,
            number=rows[recipient][3],
            version=rows[recipient][4],
            worker=worker,
            started_at=now,
            lease_until=lease_until,
        )
        for recipient in recipients
    ]


def _take_one_by_one(recipients: list[UUID], now: datetime) -> list[Attempt]:
    attempts: list[Attempt] = []
    for recipient in recipients:
        try:
            with transaction.atomic():
                attempts += _take([recipient], now)
        except REFUSALS as error:
            _set_aside(recipient, str(error).partition("\n")[0], now=now)
    return attempts


def _set_aside(recipient: UUID, why: str, *, now: datetime) -> None:
    """Let it wait and tell: nothing is lost, and somebody has to look."""
    log.error("outbox.attempt_refused", recipient=str(recipient), why=why)
    text = f"The database refuses to let it leave: {why}."
    named = {"recipient": recipient, "next_at": now + SET_ASIDE_FOR, "code": "attempt_refused", "text": text}
    moved = [message for (message,) in statements.run(SET_ASIDE, named)]
    giving_up.note([recipient], now=now)
    lifecycle.fold(moved, now=now)


def worker_name() -> str:
    """Host and process: who holds a lease."""
    return f"{socket.gethostname()}:{os.getpid()}"[:80]
