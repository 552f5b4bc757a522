"""What humans decide: approve, edit, request changes, reject, undo.

Compare-and-set on the version they saw: one winner, the rest is told.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction

from mailboxes import events
from mailboxes.errors import Conflict, Invalid
from mailboxes.principals import Principal
from messaging import wakeup
from messaging.faultpoints import faultpoint, faultpoint_after_commit
from messaging.lifecycle import Reason
from messaging.models import Direction, Message, Status
from messaging.outbound import drafts, outbox, revising
from messaging.outbound.clearance import Clearance

from . import admission, deciding, edits, opening, quota_return, votes
from .deciding import NOTE_LENGTH, REASON_LENGTH, DecisionConflict, Reviewer, ReviewOver, Words
from .edits import Changes
from .models import Decision, DecisionKind, Review, ReviewState

__all__ = ["NOTE_LENGTH", "REASON_LENGTH", "Changes", "DecisionConflict", "ReviewOver", "Reviewer"]

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
RELEASE_APPROVED = "oversight.release_approved"


def approve(review: Review, *, reviewer: Reviewer, version: int | None, note: str = "", now: datetime) -> Decision:
    """One person's yes to exactly the sealed bytes; the last one that is needed clears them for sending.

    They leave by `releases`, after the undo window. Received mail is shown at once, without undo. `version` is the
    review's version that the member saw; None takes it as it stands. Raises Forbidden (own_message, not a decider,
    second_step_required), DecisionConflict (already_decided, already_approved, stale_version), ReviewOver, Conflict
    (seal_differs).
    """
    with transaction.atomic():
        review = deciding.lock_open(review, reviewer=reviewer, version=version, now=now)
        so_far = votes.check(review, reviewer=reviewer, now=now)
        seal = _checked_seal(review.message)
        decision = deciding.decide(
            review, DecisionKind.APPROVE, reviewer=reviewer, seal=seal, words=Words(note=note), now=now
        )
        if len(so_far) + 1 < review.people_needed:
            review.save()
            deciding.record(review, decision, kind="review.approved_by_one", now=now)
        else:
            deciding.close(review, ReviewState.APPROVED, reviewer=reviewer, note=note, now=now)
            _let_pass(review, decision, now=now)
        _ended()
    return decision


def edit(
    review: Review, *, reviewer: Reviewer, version: int | None, changes: Changes, note: str = "", now: datetime
) -> Decision:
    """Change the message: a new revision with a new seal. It still waits, and nobody has approved it yet.

    Checked as a send: addresses, suppressions, limits, and the policy, whose refusal refuses the edit. The Message-ID
    stays, the Date is now. Raises as `approve`, and what a send raises.
    """
    with transaction.atomic():
        review = deciding.lock_open(review, reviewer=reviewer, version=version, now=now)
        _check_outbound(review)
        changed = edits.rewrite(review, changes, reviewer=reviewer, now=now)
        seal = drafts.current_seal(review.message)
        decision = deciding.decide(
            review, DecisionKind.EDIT, reviewer=reviewer, seal=seal, words=Words(note=note), now=now
        )
        edits.keep(review, changed, decision=decision, made_by=reviewer.principal.identity, now=now)
        review.votes_from = review.version
        opening.mark(review, review.message)
        review.save()
        facts = {"fields": [one.field for one in changed], "revision": review.message.current_version}
        deciding.record(review, decision, now=now, facts=facts)
        _ended()
    return decision


def request_changes(
    review: Review,
    *,
    reviewer: Reviewer,
    version: int | None,
    instructions: str,
    reason: str = "",
    now: datetime,
) -> Decision:
    """Give the message back to its author, who may send it again in another form; it then waits for people again.

    Unless that happens within REVIEW_EXPIRES_DAYS it expires.
    """
    if not instructions.strip():
        raise Invalid("Say what is to be changed.", code="instructions_required", fix="Send `instructions`.")
    with transaction.atomic():
        review = deciding.lock_open(review, reviewer=reviewer, version=version, now=now)
        _check_outbound(review)
        message, words = review.message, Words(reason, instructions)
        seal = drafts.current_seal(message)
        decision = deciding.decide(
            review, DecisionKind.REQUEST_CHANGES, reviewer=reviewer, seal=seal, words=words, now=now
        )
        deciding.close(review, ReviewState.RETURNED, reviewer=reviewer, note=instructions, now=now)
        review.instructions = instructions
        review.expires_at = now + timedelta(days=settings.REVIEW_EXPIRES_DAYS)
        review.save()
        why = Reason("changes_requested", "A reviewer asks for changes.", {"review_reason": reason} if reason else {})
        outbox.hand_back(message, reason=why, now=now)
        deciding.record(review, decision, now=now, facts={"reason": reason} if reason else {})
        _ended()
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
        review = deciding.lock_open(review, reviewer=reviewer, version=version, now=now)
        message = review.message
        decision = deciding.decide(
            review,
            DecisionKind.REJECT,
            reviewer=reviewer,
            seal=_seal(message),
            words=Words(reason, note),
            now=now,
        )
        deciding.close(review, ReviewState.REJECTED, reviewer=reviewer, note=note, now=now)
        review.save()
        why = Reason(
            "rejected", f"A reviewer rejected it: {REJECT_REASONS.get(reason, reason)}.", {"review_reason": reason}
        )
        if message.direction == Direction.INBOUND:
            admission.turn_away(message, Status.REJECTED, reason=why, now=now)
        else:
            quota_return.give_back(message)
            outbox.close(message, Status.REJECTED, reason=why, now=now)
        deciding.record(review, decision, now=now, facts={"reason": reason} if reason else {})
        _ended()
    return decision


def undo(review: Review, *, reviewer: Reviewer, version: int | None = None, now: datetime) -> Decision:
    """Take an approval back: the message waits again, and nobody has approved it. Works until the mail server took hold
    of it; what was shown to an agent stays shown.

    `version` is the review's version that the member saw, so that an old page can't undo a newer approval.
    """
    if settings.UNDO_SECONDS == 0:
        raise Conflict("Undo is switched off on this server.", code="undo_off", fix="Set UNDO_SECONDS above 0.")
    with transaction.atomic():
        review = deciding.lock(review, reviewer=reviewer)
        if review.state != ReviewState.APPROVED or review.message.direction == Direction.INBOUND:
            raise DecisionConflict(
                f"Only the approval of a send can be undone; this review is {review.state}.",
                review=review,
                code="nothing_to_undo",
            )
        deciding.check_version(review, version)
        message = review.message
        seal = drafts.current_seal(message)
        decision = deciding.decide(review, DecisionKind.UNDO, reviewer=reviewer, seal=seal, now=now)
        why = Reason(review.reason_code, review.reason_text, {"decision_id": str(decision.pk)})
        outbox.withdraw(message, Status.HELD, reason=why, now=now)
        deciding.reopen(review)
        review.save()
        deciding.record(review, decision, now=now)
        _ended()
    return decision


def may_decide(review: Review, *, principal: Principal) -> bool:
    """Whether this principal could decide this review now; what the faces offer."""
    return deciding.refusal(review, principal=principal) is None


def check_may_decide(review: Review, *, principal: Principal) -> None:
    """Refuse whoever could not decide this review: Forbidden, with the reason."""
    refusal = deciding.refusal(review, principal=principal)
    if refusal is not None:
        raise refusal


def _let_pass(review: Review, decision: Decision, *, now: datetime) -> None:
    """The review is approved: what was sent is queued for its release, what was received is shown."""
    message = review.message
    if message.direction == Direction.INBOUND:
        review.released_at = now
        review.save()  # before the mail is shown: the database asks for the approval
        admission.show(message, now=now)
        deciding.record(review, decision, now=now)
        return
    review.release_at, review.released_at = now + timedelta(seconds=settings.UNDO_SECONDS), None
    review.save()
    outbox.enqueue(message, clearance=Clearance(seal=decision.seal, decision_id=decision.pk), now=now)
    deciding.record(review, decision, now=now)
    _tell_sender(review, decision, now=now)
    if not settings.UNDO_SECONDS:
        wakeup.ring(RELEASE_APPROVED)


def _checked_seal(message: Message) -> str:
    """What an approval is bound to, if what people are shown is still what the bytes say."""
    if message.direction == Direction.INBOUND:
        return admission.seal_of(message)
    return revising.checked(message).seal


def _seal(message: Message) -> str:
    return admission.seal_of(message) if message.direction == Direction.INBOUND else drafts.current_seal(message)


def _check_outbound(review: Review) -> None:
    if review.message.direction == Direction.INBOUND:
        raise DecisionConflict(
            "Received mail is shown or not; it is not changed.",
            review=review,
            code="received_mail",
            fix="Approve or reject it.",
        )


def _ended() -> None:
    faultpoint_after_commit("decide.after_commit")
    faultpoint("decide.before_commit")


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
