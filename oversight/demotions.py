"""The machine takes a rung back: after a rejection for a severe reason, a complaint, or the account's breaker.

The cause is written in its own transaction, so that none is missed; the sweep, rung by the commit, acts on it. Not
inside the cause: there the event counter is locked already, and mailboxes are locked before it everywhere else.
However many causes there are at once, each takes the mailbox to one rung below the mode of its own moment.
"""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from uuid import UUID

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet
from django.dispatch import receiver

from mailboxes import events, mailbox, statements
from mailboxes.errors import Conflict
from mailboxes.ids import new_id
from mailboxes.models import Event, Mailbox
from mailboxes.modes import OversightMode
from mailboxes.signals import event_recorded
from messaging import wakeup
from messaging.lifecycle import Reason
from messaging.models import IRREVOCABLE, Attempt, Message, Recipient, Status

from . import reviews
from .models import Demotion, DemotionCause, Review, ReviewState
from .policy import rungs

SETTLE = "oversight.settle_demotions"
BY = "demotion"
DEMOTED = Reason("demoted", "Its mailbox was set back to a stricter mode before it left.")
HOLDING = (OversightMode.GATED_ALL, OversightMode.GATED_SEND)
AT_ONCE, MAIL_AT_ONCE = 1000, 100
# A send that was under way when the mailbox was set back may commit after the first look.
LOOKED_AFTER_FOR = timedelta(minutes=1)

# One row for each mailbox that is freer than the lowest mode, with the mode that it has now; none for what is known.
WANT = """
INSERT INTO oversight_demotion
    (id, account_id, mailbox_id, cause, reason, about, from_mode, to_mode, caused_at, is_done)
SELECT given.id, b.account_id, b.id, %(cause)s, %(reason)s, %(about)s, b.mode, step.lower, %(now)s, false
FROM unnest(%(ids)s::uuid[], %(mailboxes)s::uuid[]) AS given(id, mailbox)
    JOIN mailboxes_mailbox b ON b.id = given.mailbox
    JOIN mailboxes_account a ON a.id = b.account_id
    JOIN unnest(%(modes)s::text[], %(lower)s::text[]) AS step(mode, lower) ON step.mode = b.mode
WHERE b.deleted_at IS NULL AND NOT a.is_platform
ON CONFLICT (mailbox_id, cause, about) DO NOTHING
RETURNING id
"""
LOW = ("bounce_rate_exceeded", "complaint_rate_exceeded")

log = structlog.get_logger(__name__)


@receiver(event_recorded)
def on_event_recorded(*, event: Event, **_: object) -> None:
    """Write the cause down, in its own transaction."""
    if event.kind == "review.rejected" and event.mailbox_id and not events.is_hidden(event.data):
        told = json.loads(event.data)
        if told.get("reason") in settings.SEVERE_REASONS:
            _want(DemotionCause.SEVERE_REJECT, told["reason"], UUID(event.subject), [event.mailbox_id], event=event)
    elif event.kind == "message.complaint" and event.mailbox_id:
        _want(DemotionCause.COMPLAINT, "complaint", UUID(event.subject), [event.mailbox_id], event=event)
    elif event.kind == "account.suspended":
        reason = json.loads(event.data).get("reason", "")
        if reason in LOW:
            boxes = Mailbox.objects.filter(account=event.account_id, deleted_at__isnull=True)
            free = list(boxes.filter(mode__in=_steps()).values_list("pk", flat=True))
            _want(DemotionCause.BREAKER, reason, event.pk, free, event=event)


def settle(*, now: datetime) -> int:
    """Set back what is to be set back, and look after what was queued; how many mailboxes were set back."""
    rows = Demotion.objects.filter(ended_at__isnull=True).order_by("caused_at")
    caused = list(rows.filter(settled_at__isnull=True).values_list("pk", flat=True)[:AT_ONCE])
    done = sum(_settle_one(pk, now=now) for pk in caused)
    for row in list(rows.filter(settled_at__isnull=False)[:AT_ONCE]):
        _look_after(row, now=now)
    return done


def lately(mailbox_ids: list[UUID], *, limit: int = 5) -> dict[UUID, list[Demotion]]:
    """The newest demotions of each mailbox that took place, newest first."""
    rows = Demotion.objects.filter(mailbox__in=mailbox_ids, is_done=True).order_by("-settled_at")
    found: dict[UUID, list[Demotion]] = {pk: [] for pk in mailbox_ids}
    for row in rows[: limit * max(len(mailbox_ids), 1)]:
        if len(found[row.mailbox_id]) < limit:
            found[row.mailbox_id].append(row)
    return found


def _steps() -> dict[str, str]:
    """Each mode that the machine may take back, and what it becomes."""
    lowest = OversightMode(settings.DEMOTION_LOWEST)
    return {mode.value: lower.value for mode in rungs.RUNGS if (lower := rungs.below(mode, lowest=lowest))}


def _want(cause: DemotionCause, reason: str, about: UUID, mailboxes: list[UUID], *, event: Event) -> None:
    steps = _steps()
    asked = {
        "cause": cause.value,
        "reason": reason[:60],
        "about": about,
        "ids": [new_id() for _ in mailboxes],
        "mailboxes": mailboxes,
        "modes": list(steps),
        "lower": list(steps.values()),
        "now": event.created_at,
    }
    if mailboxes and statements.run(WANT, asked):
        wakeup.ring(SETTLE)


def _settle_one(pk: UUID, *, now: datetime) -> bool:
    """Whether the mailbox was freer than the cause lets it be. The mailbox's lock orders this, upgrades and people."""
    with transaction.atomic():
        [mailbox_id] = Demotion.objects.filter(pk=pk).values_list("mailbox_id", flat=True)
        [box] = Mailbox.objects.select_for_update(no_key=True).filter(pk=mailbox_id)
        row = Demotion.objects.select_for_update(skip_locked=True).filter(pk=pk, settled_at__isnull=True).first()
        if row is None:  # another worker has just done it
            return False
        target = OversightMode(row.to_mode)
        row.settled_at, row.is_done = now, box.deleted_at is None and rungs.is_freer(OversightMode(box.mode), target)
        if not (row.is_done and target in HOLDING):
            row.ended_at = now
        row.save(update_fields=["settled_at", "is_done", "ended_at"])
        if row.is_done:
            mailbox.set_mode(box, target, by=f"{BY}:{row.pk}", reason=row.cause, now=now)
            _record(row, box, now=now)
    return row.is_done


def _record(row: Demotion, box: Mailbox, *, now: datetime) -> None:
    data = {
        "mailbox_id": str(box.pk),
        "demotion_id": str(row.pk),
        "cause": row.cause,
        "reason": row.reason,
        "to": row.to_mode,
    }
    events.record(row.account_id, "mailbox.demoted", subject=str(box.pk), data=data, now=now, mailbox_id=box.pk)


def _look_after(row: Demotion, *, now: datetime) -> None:
    """Bring what the policy alone had cleared before people, where it has not left. What a person approved leaves."""
    waiting = list(_cleared(row.mailbox_id)[:MAIL_AT_ONCE])
    for message in waiting:
        try:
            with transaction.atomic():
                reviews.hold_again(message, reason=DEMOTED, by=BY, now=now)
        except Conflict as error:  # a worker was faster
            log.info("demotion.too_late", message=str(message.pk), code=error.code)
    if not waiting and row.settled_at is not None and now - row.settled_at > LOOKED_AFTER_FOR:
        Demotion.objects.filter(pk=row.pk).update(ended_at=now)


def _cleared(mailbox_id: UUID) -> QuerySet[Message]:
    """Queued mail that was asked for under a freer mode and that no person has looked at, found by what is due."""
    due = Recipient.objects.filter(next_at__isnull=False, message__mailbox=mailbox_id).values("message_id")
    begun = Attempt.objects.filter(IRREVOCABLE, recipient__message=OuterRef("pk"))
    approved = Review.objects.filter(message=OuterRef("pk"), state=ReviewState.APPROVED)
    queued = Message.objects.filter(
        pk__in=due,
        mailbox=mailbox_id,
        mailbox__mode__in=HOLDING,  # a person may have let it climb again meanwhile
        status=Status.QUEUED,
        needs_decision=False,
    )
    queued = queued.exclude(oversight_mode__in=HOLDING).exclude(Exists(begun)).exclude(Exists(approved))
    return queued.select_related("mailbox").order_by("pk")
