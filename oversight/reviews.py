"""Reviews: opened when a message is held, closed when its time or its message is over."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet

from mailboxes import events
from mailboxes.errors import NotFound
from mailboxes.ids import parse_id
from mailboxes.models import Scope
from mailboxes.principals import Principal
from messaging.faultpoints import faultpoint
from messaging.lifecycle import Reason
from messaging.models import Direction, Message, Status
from messaging.outbound import outbox

from . import quota_return
from .models import Review, ReviewState
from .policy.types import Outcome, Risk, Verdict

EXPIRED = Reason("expired", "Nobody decided in time, so nothing was sent.")


def open(message: Message, *, verdict: Verdict, now: datetime) -> Review:
    """A new review of a held message."""
    review = Review.objects.create(
        account_id=message.account_id,
        mailbox_id=message.mailbox_id,
        message=message,
        reason_code=verdict.code,
        reason_text=verdict.text,
        lane=verdict.lane,
        risk=verdict.risk,
        people_needed=verdict.people,
        opened_at=now,
        notice_at=now + timedelta(seconds=settings.NOTICE_DELAY_SECONDS),
        expires_at=now + timedelta(days=settings.REVIEW_EXPIRES_DAYS),
    )
    record(review, "review.opened", now=now, reason=verdict.code)
    return review


def visible(actor: Principal) -> QuerySet[Review]:
    """The reviews that this principal may see: a member all of the account's, a key those of its mailboxes."""
    actor.require(Scope.READ)
    mine = Review.objects.filter(account=actor.account).exclude(mailbox__in=actor.deleted_mailboxes())
    if actor.agent is not None:  # received mail that waits for a human is unknown to agents
        mine = mine.filter(message__direction=Direction.OUTBOUND)
    return mine if actor.mailbox_ids is None else mine.filter(mailbox_id__in=actor.mailbox_ids)


def get(actor: Principal, review_id: object) -> Review:
    """One review in the principal's scope, with its message. Raises NotFound for anything else."""
    parsed = parse_id(review_id)
    review = (
        visible(actor).select_related("message", "message__agent", "mailbox").filter(pk=parsed).first()
        if parsed
        else None
    )
    if review is None:
        raise NotFound("review")
    return review


def hold_again(message: Message, *, reason: Reason, by: str, now: datetime) -> Review | None:
    """Bring a queued message back before people, in the caller's transaction; None if it is not queued any more.

    An approval that let it leave is over; the new review asks for as many people, in the same lane. Raises Conflict
    while a worker holds it, and once bytes may have left.
    """
    last = lock_latest(message)  # review before recipients before message: the one lock order
    message.refresh_from_db(fields=["status"])
    if message.status != Status.QUEUED:
        return None
    outbox.withdraw(message, Status.HELD, reason=reason, now=now)
    verdict = Verdict(Outcome.HOLD, reason.code, reason.text, ())
    if last is not None:
        verdict = replace(verdict, lane=last.lane, risk=Risk(last.risk), people=last.people_needed)
        if last.state == ReviewState.APPROVED:
            close(last, ReviewState.CANCELLED, by=by, now=now)
    return open(message, verdict=verdict, now=now)


def lock_latest(message: Message) -> Review | None:
    """Lock the newest review of the message, if it has one."""
    return Review.objects.select_for_update().filter(message=message).order_by("-opened_at").first()


def close(review: Review, state: ReviewState, *, by: str, now: datetime) -> None:
    """End a locked review without a decision: expired or cancelled."""
    review.state, review.decided_at, review.decided_by, review.release_at = state, now, "", None
    review.save(update_fields=["state", "decided_at", "decided_by", "release_at"])
    record(review, f"review.{state.value}", now=now, by=by)


def expire_due(*, now: datetime, limit: int = 100) -> int:
    """Expire up to `limit` open reviews whose time is over; how many. Expiry never sends."""
    expired = 0
    for pk in Review.objects.filter(state=ReviewState.OPEN, expires_at__lte=now).values_list("pk", flat=True)[:limit]:
        with transaction.atomic():
            review = (
                Review.objects.select_for_update(skip_locked=True, of=("self",))
                .select_related("message", "message__mailbox")
                .filter(pk=pk, state=ReviewState.OPEN)
                .first()
            )
            if review is None:  # decided or taken by another worker meanwhile
                continue
            quota_return.give_back(review.message)
            outbox.close(review.message, Status.EXPIRED, reason=EXPIRED, now=now)
            close(review, ReviewState.EXPIRED, by="clock", now=now)
            faultpoint("expire.mid")
            expired += 1
    return expired


def pending(actor: Principal) -> QuerySet[Review]:
    """Open reviews in the principal's scope, soonest expiry first."""
    return pending_order(visible(actor))


def pending_order(found: QuerySet[Review]) -> QuerySet[Review]:
    """The open ones of them, soonest expiry first."""
    return found.filter(state=ReviewState.OPEN).order_by("expires_at", "id")


def record(review: Review, kind: str, *, now: datetime, **facts: object) -> None:
    """Write an event of this review into the account's log."""
    data = {"review_id": str(review.pk), "message_id": str(review.message_id), "version": review.version, **facts}
    events.record(review.account_id, kind, subject=str(review.pk), data=data, now=now, mailbox_id=review.mailbox_id)
