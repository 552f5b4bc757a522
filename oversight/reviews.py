"""Reviews: opened when a message is held, closed when its time or its message is over."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Q, QuerySet

from mailboxes import events
from mailboxes.errors import NotFound
from mailboxes.events import Happening
from mailboxes.ids import parse_id
from mailboxes.models import Scope
from mailboxes.principals import Principal
from messaging import lifecycle
from messaging.faultpoints import faultpoint
from messaging.lifecycle import Reason
from messaging.models import Direction, Message, Status
from messaging.outbound import outbox

from . import opening, quota_return
from .models import Review, ReviewState
from .policy.types import Outcome, Risk, Verdict

EXPIRED = Reason("expired", "Nobody decided in time, so nothing was sent.")


def open(message: Message, *, verdict: Verdict, now: datetime) -> Review:
    """A new review of a held message. Raises LimitReached where too much of its author's key waits already."""
    review = _new(message, verdict=verdict, now=now)
    opening.store(review, message)
    record(review, "review.opened", now=now, reason=verdict.code)
    return review


def open_all(messages: Sequence[Message], *, verdict: Verdict, now: datetime) -> list[Happening]:
    """A new review of each held message, by one statement; what the caller has to record of it."""
    new = [_new(message, verdict=verdict, now=now) for message in messages]
    for review, message in zip(new, messages, strict=True):
        opening.mark(review, message)
    opened = Review.objects.bulk_create(new)
    return [_happening(review, "review.opened", reason=verdict.code) for review in opened]


def _new(message: Message, *, verdict: Verdict, now: datetime) -> Review:
    return Review(
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
    # Whatever else of the author's waits: what is brought back is never too much.
    review = _new(message, verdict=verdict, now=now)
    opening.mark(review, message)
    review.save(force_insert=True)
    record(review, "review.opened", now=now, reason=verdict.code)
    return review


def lock_latest(message: Message) -> Review | None:
    """Lock the newest review of the message, if it has one. Whoever holds its lock alone may open another."""
    newest = Review.objects.filter(message=message).order_by("-opened_at", "-pk")
    while True:
        locked = newest.select_for_update().first()
        # While the lock was waited for the message may have come again, under a newer review.
        if locked is None or newest.values_list("pk", flat=True).first() == locked.pk:
            return locked


def close(review: Review, state: ReviewState, *, by: str, now: datetime) -> None:
    """End a locked review without a decision: expired or cancelled."""
    review.state, review.decided_at, review.decided_by, review.release_at = state, now, "", None
    review.save(update_fields=["state", "decided_at", "decided_by", "release_at"])
    record(review, f"review.{state.value}", now=now, by=by)


def expire_due(
    *, now: datetime, limit: int = 100, state: ReviewState = ReviewState.OPEN, reason: Reason = EXPIRED
) -> int:
    """Expire up to `limit` reviews of that state whose time is over; how many. Expiry never sends, and never shows."""
    expired, due = 0, Review.objects.filter(state=state, expires_at__lte=now)
    if state == ReviewState.RETURNED:
        due = due.filter(released_at__isnull=True)  # else its message has come again, under another review
    for pk in due.values_list("pk", flat=True)[:limit]:
        with transaction.atomic():
            review = (
                due.select_for_update(skip_locked=True, of=("self",))
                .select_related("message", "message__mailbox")
                .filter(pk=pk)
                .first()
            )
            if review is None:  # decided, answered or taken by another worker meanwhile
                continue
            _let_expire(review.message, reason, now=now)
            close(review, ReviewState.EXPIRED, by="clock", now=now)
            faultpoint("expire.mid")
            expired += 1
    return expired


def _let_expire(message: Message, reason: Reason, *, now: datetime) -> None:
    if message.direction == Direction.INBOUND:  # as `admission.turn_away`, which needs this module
        lifecycle.advance(message, Status.EXPIRED, now=now, reason=reason)
        return
    quota_return.give_back(message)
    outbox.close(message, Status.EXPIRED, reason=reason, now=now)


def pending(actor: Principal, *, now: datetime | None = None) -> QuerySet[Review]:
    """Open reviews in the principal's scope, soonest expiry first; with `now` those only that nobody has snoozed."""
    return pending_order(visible(actor) if now is None else awake(visible(actor), now=now))


def awake(found: QuerySet[Review], *, now: datetime) -> QuerySet[Review]:
    """Those of them that nobody has put out of sight, or that have come back by themselves."""
    return found.filter(Q(snoozed_until__isnull=True) | Q(snoozed_until__lte=now))


def pending_order(found: QuerySet[Review]) -> QuerySet[Review]:
    """The open ones of them, soonest expiry first."""
    return found.filter(state=ReviewState.OPEN).order_by("expires_at", "id")


def record(review: Review, kind: str, *, now: datetime, **facts: object) -> None:
    """Write an event of this review into the account's log."""
    events.record_all(review.account_id, [_happening(review, kind, **facts)], now=now)


def record_of_all(found: Sequence[Review], kind: str, *, now: datetime, **facts: object) -> None:
    """Write an event of each of these reviews of one account into its log."""
    if found:
        events.record_all(found[0].account_id, [_happening(review, kind, **facts) for review in found], now=now)


def _happening(review: Review, kind: str, **facts: object) -> Happening:
    data = {"review_id": str(review.pk), "message_id": str(review.message_id), "version": review.version, **facts}
    if review.message.direction == Direction.INBOUND:  # what people do with it, agents never hear
        data |= events.HIDDEN
    return Happening(kind, subject=str(review.pk), data=data, mailbox_id=review.mailbox_id)
