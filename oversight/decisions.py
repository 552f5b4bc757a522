"""What humans decide: approve, reject, undo. Compare-and-set on the version they saw: one winner, the rest is told."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction

from mailboxes import events
from mailboxes.errors import Conflict, Forbidden, Gone, Invalid, NotFound
from mailboxes.models import Scope
from mailboxes.principals import Principal
from messaging.faultpoints import faultpoint, faultpoint_after_commit
from messaging.lifecycle import Reason
from messaging.models import Status
from messaging.outbound import drafts, outbox
from messaging.outbound.clearance import Clearance

from . import claims, quota_return, reviews
from .models import Decision, DecisionKind, Door, Review, ReviewState

REJECT_REASONS = {
    "wrong_facts": "Wrong facts",
    "wrong_recipient": "Wrong recipient",
    "tone": "Tone",
    "not_needed": "Not needed",
    "no_consent": "No consent",
    "risky_link_or_file": "Risky link or file",
    "privacy": "Privacy",
    "other": "Other",
}
REASON_LENGTH = 60
NOTE_LENGTH = 4000


class DecisionConflict(Conflict):
    """Somebody else was first, or the message is another than the one looked at. `review` is how it stands now."""

    def __init__(self, sentence: str, *, review: Review, code: str, fix: str = "") -> None:
        super().__init__(sentence, code=code, fix=fix)
        self.review = review


class ReviewOver(Gone):
    """The review expired: nothing was sent. `review` is how it stands now."""

    def __init__(self, review: Review) -> None:
        super().__init__("This review has expired; nothing was sent.", fix="Ask the agent to send again.")
        self.review = review


@dataclass(frozen=True, slots=True)
class Reviewer:
    """A member who decides, the door they came in by, and when they last proved with a second step who they are."""

    principal: Principal
    door: Door
    second_step_at: datetime | None = None


def approve(review: Review, *, reviewer: Reviewer, version: int | None, note: str = "", now: datetime) -> Decision:
    """Clear exactly the sealed bytes for sending, after the undo window.

    `version` is the review's version that the member saw; None takes it as it stands. Raises Forbidden (own_message,
    not a decider), DecisionConflict (already_decided, stale_version), ReviewOver, Conflict (seal_differs).
    """
    with transaction.atomic():
        review = _lock_open(review, reviewer=reviewer, version=version, now=now)
        message = review.message
        seal = drafts.current_seal(message)  # compared with the bytes by `outbox.enqueue`
        decision = _decide(review, DecisionKind.APPROVE, reviewer=reviewer, seal=seal, note=note, now=now)
        _close(review, ReviewState.APPROVED, reviewer=reviewer, note=note, now=now)
        review.release_at = now + timedelta(seconds=settings.UNDO_SECONDS)
        review.save()
        clearance = Clearance(seal=seal, decision_id=decision.pk)
        outbox.enqueue(message, clearance=clearance, not_before=review.release_at, now=now)
        _record(review, decision, now=now)
        _tell_sender(review, decision, now=now)
        faultpoint_after_commit("decide.after_commit")
        faultpoint("decide.before_commit")
    return decision


def reject(
    review: Review, *, reviewer: Reviewer, version: int | None, reason: str, note: str = "", now: datetime
) -> Decision:
    """End the message for good: it will never leave. `reason` is a short code; new ones may come."""
    if not reason or len(reason) > REASON_LENGTH:
        raise Invalid(
            "A rejection needs a reason.",
            code="reason_required",
            fix=f"Send one of {', '.join(REJECT_REASONS)}, or your own.",
        )
    with transaction.atomic():
        review = _lock_open(review, reviewer=reviewer, version=version, now=now)
        message = review.message
        seal = drafts.current_seal(message)
        decision = _decide(review, DecisionKind.REJECT, reviewer=reviewer, seal=seal, note=note, reason=reason, now=now)
        _close(review, ReviewState.REJECTED, reviewer=reviewer, note=note, now=now)
        review.save()
        quota_return.give_back(message)
        why = Reason(
            "rejected", f"A reviewer rejected it: {REJECT_REASONS.get(reason, reason)}.", {"review_reason": reason}
        )
        outbox.close(message, Status.REJECTED, reason=why, now=now)
        _record(review, decision, now=now, reason=reason)
        faultpoint_after_commit("decide.after_commit")
        faultpoint("decide.before_commit")
    return decision


def undo(review: Review, *, reviewer: Reviewer, version: int | None = None, now: datetime) -> Decision:
    """Take an approval back: the message waits again. Works until the mail server took hold of it.

    `version` is the review's version that the member saw, so that an old page can't undo a newer approval.
    """
    if settings.UNDO_SECONDS == 0:
        raise Conflict("Undo is switched off on this server.", code="undo_off", fix="Set UNDO_SECONDS above 0.")
    with transaction.atomic():
        review = _lock(review, reviewer=reviewer)
        if review.state != ReviewState.APPROVED:
            raise DecisionConflict(
                f"Only an approval can be undone; this review is {review.state}.", review=review, code="nothing_to_undo"
            )
        _check_version(review, version)
        message = review.message
        seal = drafts.current_seal(message)
        decision = _decide(review, DecisionKind.UNDO, reviewer=reviewer, seal=seal, note="", now=now)
        why = Reason(review.reason_code, review.reason_text, {"decision_id": str(decision.pk)})
        outbox.withdraw(message, Status.HELD, reason=why, now=now)
        review.state, review.decided_at, review.decided_by, review.note = ReviewState.OPEN, None, "", ""
        review.release_at = None
        review.save()
        _record(review, decision, now=now)
        faultpoint_after_commit("decide.after_commit")
        faultpoint("decide.before_commit")
    return decision


def may_decide(review: Review, *, principal: Principal) -> bool:
    """Whether this principal could decide this review now; what the faces offer."""
    return _refusal(review, principal=principal) is None


def check_may_decide(review: Review, *, principal: Principal) -> None:
    """Refuse whoever could not decide this review: Forbidden, with the reason."""
    refusal = _refusal(review, principal=principal)
    if refusal is not None:
        raise refusal


def _lock(review: Review, *, reviewer: Reviewer) -> Review:
    found = (
        reviews.visible(reviewer.principal)
        .select_for_update(of=("self",))
        .select_related("message", "message__mailbox", "message__agent", "mailbox")
        .filter(pk=review.pk)
        .first()
    )
    if found is None:
        raise NotFound("review")
    refusal = _refusal(found, principal=reviewer.principal)
    if refusal is not None:
        raise refusal
    return found


def _refusal(review: Review, *, principal: Principal) -> Forbidden | None:
    member, author = principal.member, review.message
    if (member and author.member_id == member.pk) or (principal.agent and author.agent_id == principal.agent.pk):
        return Forbidden("Nobody decides on their own message.", code="own_message", fix="Ask a reviewer.")
    if member is None or Scope.DECIDE not in principal.scopes or not member.may_decide:
        return Forbidden(
            "Only a reviewer of the account decides; a key that sends never does.",
            code="may_not_decide",
            fix="Decide in the console, or with a member's decide key.",
        )
    if not member.user.is_proven_human:
        return Forbidden(
            "Set your password on our own page first: the one from signup is known to an agent.",
            code="password_not_proven",
            fix="Open the link in the verification mail.",
        )
    return None


def _lock_open(review: Review, *, reviewer: Reviewer, version: int | None, now: datetime) -> Review:
    locked = _lock(review, reviewer=reviewer)
    if locked.state == ReviewState.EXPIRED or (locked.state == ReviewState.OPEN and locked.expires_at <= now):
        raise ReviewOver(locked)
    if locked.state != ReviewState.OPEN:
        raise DecisionConflict(
            f"This was {locked.state} already, by {locked.decided_by or 'the agent'}.",
            review=locked,
            code="already_decided",
            fix="Read the review again.",
        )
    _check_version(locked, version)
    assert reviewer.principal.member is not None  # `_lock` let nobody else pass
    claims.check(locked, member=reviewer.principal.member, now=now)
    return locked


def _check_version(review: Review, version: int | None) -> None:
    if version is not None and version != review.version:
        raise DecisionConflict(
            "The review has changed since you looked at it.",
            review=review,
            code="stale_version",
            fix="Read it again and decide on the present version.",
        )


def _decide(
    review: Review, kind: DecisionKind, *, reviewer: Reviewer, seal: str, note: str, now: datetime, reason: str = ""
) -> Decision:
    if len(note) > NOTE_LENGTH:
        raise Invalid(f"A note has at most {NOTE_LENGTH} characters.", code="note_too_long", fix="Shorten it.")
    member = reviewer.principal.member
    assert member is not None  # `_lock` let nobody else pass
    decision = Decision.objects.create(
        review=review,
        version=review.version,
        kind=kind,
        seal=seal,
        member=member,
        key=reviewer.principal.key,
        door=reviewer.door,
        reason=reason,
        note=note,
        decided_at=now,
    )
    review.version += 1
    return decision


def _close(review: Review, state: ReviewState, *, reviewer: Reviewer, note: str, now: datetime) -> None:
    member = reviewer.principal.member
    assert member is not None
    review.state, review.decided_at, review.note = state, now, note
    review.decided_by = member.user.name or member.user.email
    review.claimed_by = review.claimed_until = review.snoozed_until = None


def _record(review: Review, decision: Decision, *, now: datetime, **facts: object) -> None:
    past = {DecisionKind.APPROVE: "approved", DecisionKind.REJECT: "rejected", DecisionKind.UNDO: "undone"}
    kind = f"review.{past[DecisionKind(decision.kind)]}"
    reviews.record(review, kind, now=now, decision_id=str(decision.pk), by=f"member:{decision.member_id}", **facts)


def _tell_sender(review: Review, decision: Decision, *, now: datetime) -> None:
    """Say of the message that it was approved: no move of it does, queued is queued by whoever cleared it."""
    ids = {"message_id": str(review.message_id), "mailbox_id": str(review.mailbox_id), "review_id": str(review.pk)}
    data = {**ids, "decision_id": str(decision.pk), "by": f"member:{decision.member_id}"}
    events.record(
        review.account_id,
        "message.approved",
        subject=str(review.message_id),
        data=data,
        now=now,
        mailbox_id=review.mailbox_id,
    )
