"""What people approved is looked at once more before it leaves: the world may have moved on since they said yes.

Fresh: its recipients are due. Stale: it waits for people again, with the reason, and nobody has approved it.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import structlog
from django.conf import settings
from django.db import transaction

from mailboxes.errors import Conflict, LimitReached
from mailboxes.models import Account
from mailboxes.principals import Principal
from messaging.faultpoints import faultpoint, faultpoint_after_commit
from messaging.lifecycle import Reason
from messaging.models import DUE_STATES, Direction, Message, Status
from messaging.outbound import outbox

from . import deciding, judging, opening, reviews, sender, votes
from .models import Review, ReviewState
from .policy.types import Outcome
from .sender import Sender

log = structlog.get_logger(__name__)

STOPPED = Reason("stopped", "All sending was stopped before it left; approve it again once sending has been resumed.")
SUPPRESSED = Reason("suppressed_recipient", "A recipient must not be written to any more.")
STALE_THREAD = Reason("stale_thread", "New mail has come into the conversation since this was approved.")
STRICTER = Reason("policy_stricter", "The rules ask for more than when this was approved.")


def release_due(*, now: datetime, limit: int = 100) -> int:
    """Look once more at up to `limit` approved messages whose time for undo is over; how many were looked at.

    Those of deleted mailboxes are cancelled by another sweep.
    """
    due = Review.objects.filter(
        state=ReviewState.APPROVED,
        released_at__isnull=True,
        release_at__lte=now,
        mailbox__deleted_at__isnull=True,
    )
    seen = 0
    for pk in list(due.order_by("release_at").values_list("pk", flat=True)[:limit]):
        with transaction.atomic():
            review = due.select_for_update(skip_locked=True, of=("self",)).filter(pk=pk).first()
            if review is None:  # undone, cancelled or released meanwhile
                continue
            [review.message] = Message.objects.select_related("mailbox", "agent", "key").filter(pk=review.message_id)
            _release(review, now=now)
            faultpoint_after_commit("release.after_commit")
            faultpoint("release.before_commit")
            seen += 1
    return seen


def staleness(review: Review, *, now: datetime) -> Reason | None:
    """Why an approved message must not leave on the word that it has; None when it may."""
    [account] = Account.objects.filter(pk=review.account_id)
    who = _sender(review, account, now=now)
    if account.stopped_at is not None or account.suspended_at is not None or who.stopped:
        return STOPPED
    if who.suppressed:
        return SUPPRESSED
    if _is_answered_meanwhile(review):
        return STALE_THREAD
    return _limited(who, now=now) or _judged(review, who, now=now)


def _release(review: Review, *, now: datetime) -> None:
    if review.message.status != Status.QUEUED:  # a worker of the release before has taken it already
        review.released_at = now
        review.save(update_fields=["released_at"])
        return
    stale = staleness(review, now=now)
    if stale is None:
        review.released_at = now
        review.save(update_fields=["released_at"])
        outbox.release(review.message, now=now)
    else:
        _reopen(review, stale, now=now)


def _reopen(review: Review, why: Reason, *, now: datetime) -> None:
    try:
        with transaction.atomic():
            outbox.withdraw(review.message, Status.HELD, reason=why, now=now)
    except Conflict as conflict:  # as above, a moment later
        log.warning("release.too_late", review=str(review.pk), stale=why.code, code=conflict.code)
        review.released_at = now
        review.save(update_fields=["released_at"])
        return
    review.version += 1
    review.reopened_count += 1
    deciding.reopen(review)
    review.reason_code, review.reason_text = why.code, why.text
    opening.mark(review, review.message)  # it is like those now that came back for the same reason
    review.expires_at = now + timedelta(days=settings.REVIEW_EXPIRES_DAYS)
    review.save()
    reviews.record(review, "review.reopened", now=now, reason=why.code)


def _sender(review: Review, account: Account, *, now: datetime) -> Sender:
    """How mailbox and limits stand, and whether whoever is still to be sent it may be written to."""
    message = review.message
    due = message.recipients.filter(state__in=DUE_STATES)
    author = Principal(account=account, scopes=frozenset(), agent=message.agent, key=message.key)
    return sender.get(author, review.mailbox_id, recipients=list(due.values_list("address", flat=True)), now=now)


def _is_answered_meanwhile(review: Review) -> bool:
    """Whether mail was shown in the conversation since the first of those who approved looked at it.

    Mail that still waits to be shown is nobody's business here: the author would learn that it came.
    """
    approvals = votes.standing(review)
    if review.message.thread_id is None or not approvals:
        return False
    return Message.objects.filter(
        thread=review.message.thread_id,
        direction=Direction.INBOUND,
        status=Status.RELEASED,
        released_at__gt=approvals[0].decided_at,
    ).exists()


def _limited(who: Sender, *, now: datetime) -> Reason | None:
    """The message took its share when it was asked to leave: nothing more is taken, but the limit may be lower now."""
    try:
        who.check_limits(0, now=now)
    except LimitReached as reached:
        return Reason(reached.code, "The limits of sending are used up.")
    return None


def _judged(review: Review, who: Sender, *, now: datetime) -> Reason | None:
    judged = judging.judge(review.message, who=who, now=now)
    verdict = judged.verdict
    if not judging.is_stricter(verdict, review):
        return None
    judged.keep(now=now)
    judging.tighten(review, verdict)
    return Reason(verdict.code, verdict.text) if verdict.outcome == Outcome.REFUSE else STRICTER
