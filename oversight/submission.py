"""The one door out: an agent asks to send, the policy answers, the message is queued, held or refused."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from mailboxes import accounts, quotas, statements
from mailboxes.errors import Conflict, Forbidden, Invalid, NotFound
from mailboxes.ids import parse_id
from mailboxes.models import Mailbox, Scope
from mailboxes.modes import OversightMode, stricter
from mailboxes.principals import Principal
from mailboxes.statements import Step, as_json, row_of
from messaging.faultpoints import faultpoint, faultpoint_after_commit
from messaging.lifecycle import Reason
from messaging.mime.types import Draft
from messaging.models import Direction, Message, Recipient, Status
from messaging.outbound import drafts, linking, outbox
from messaging.outbound.clearance import Clearance

from . import facts, quota_return, reviews, sender
from .models import Evaluation, Review, ReviewState
from .policy.evaluate import evaluate
from .policy.types import Facts, Outcome, Verdict
from .sender import Sender

EVALUATED = """evaluated AS (
    INSERT INTO oversight_evaluation
    SELECT * FROM json_populate_record(NULL::oversight_evaluation, %(evaluation)s::json)
)"""


@dataclass(frozen=True, slots=True)
class Submitted:
    """A message as it was committed, with what stands beside it: nothing need be read again to answer."""

    message: Message
    recipients: tuple[Recipient, ...]
    verdict: Verdict
    review: Review | None
    sender: Sender


def submit(draft: Draft, *, actor: Principal, now: datetime) -> Message:
    """Accept the draft and act on the policy's verdict, in one transaction.

    Answers a message that is QUEUED, HELD or REFUSED; a refused one is committed too, and the face says 403. Raises
    Problem, and keeps nothing, where the request itself can't be taken.
    """
    return submit_in_full(draft, actor=actor, now=now).message


def submit_in_full(draft: Draft, *, actor: Principal, now: datetime) -> Submitted:
    """As `submit`, for a face that shows what became of it."""
    actor.require(Scope.SEND, fix="Use an agent's key; a key that decides never sends.")
    with transaction.atomic():
        who = _sender(draft, actor=actor, now=now)
        who.check()
        mode = effective_mode(who.mailbox, draft.oversight_mode)
        submitted = _accept(draft, who=who, author=drafts.Author(actor, mode), now=now)
        faultpoint_after_commit("accept.after_commit")
        faultpoint("accept.before_commit")
    return submitted


@dataclass(frozen=True, slots=True)
class PlatformMail:
    """A mail of the house itself: verification, notices, codes."""

    to: str
    subject: str
    body_text: str
    body_html: str | None = None


def submit_platform(mail: PlatformMail, *, now: datetime) -> Message:
    """Send the platform's own mail through the same door: autonomous, no quota, no tenant sees it."""
    house = accounts.platform()
    actor = Principal(account=house.account, scopes=frozenset({Scope.SEND}), agent=house.mailbox.agent)
    draft = Draft(
        mailbox_id=house.mailbox.pk,
        to=(mail.to,),
        subject=mail.subject,
        body_text=mail.body_text,
        body_html=mail.body_html,
    )
    with transaction.atomic():
        who = _sender(draft, actor=actor, now=now)
        author = drafts.Author(actor, OversightMode(who.mailbox.mode))
        return _accept(draft, who=who, author=author, now=now).message


def cancel(actor: Principal, mailbox_id: object, message_id: object, *, now: datetime) -> Message:
    """Take back a message that waits or is queued; no matter if it was cancelled before.

    Raises Conflict once an attempt has begun or the message is at another end.
    """
    actor.require(Scope.SEND)
    mailbox = actor.get_mailbox(mailbox_id)
    with transaction.atomic():
        message = _get_outbound(mailbox, message_id)
        cancel_waiting(message, by=actor.identity, now=now)
    return message


def cancel_waiting(message: Message, *, by: str, now: datetime) -> None:
    """Cancel one waiting message and close its review, in the caller's transaction."""
    review = reviews.lock_latest(message)  # review before recipients before message: the one lock order
    message.refresh_from_db(fields=["status", "quota_taken_at", "quota_amount", "current_version"])
    if message.status == Status.CANCELLED:
        return
    reason = Reason("cancelled", "Cancelled before it left.", {"by": by})
    if message.status in (Status.HELD, Status.RETURNED):
        quota_return.give_back(message)
        outbox.close(message, Status.CANCELLED, reason=reason, now=now)
    elif message.status == Status.QUEUED:
        outbox.withdraw(message, Status.CANCELLED, reason=reason, now=now)
    else:
        raise Conflict(
            "The message can't be cancelled any more.",
            code="already_sending"
            if message.status in (Status.SENDING, Status.SENT, Status.UNKNOWN)
            else "already_final",
            fix="Read its state.",
        )
    if review is not None and review.state in (ReviewState.OPEN, ReviewState.APPROVED, ReviewState.RETURNED):
        reviews.close(review, ReviewState.CANCELLED, by=by, now=now)


def _sender(draft: Draft, *, actor: Principal, now: datetime) -> Sender:
    recipients = [address for _, address in draft.recipients()]
    return sender.get(actor, draft.mailbox_id, recipients=recipients, now=now)


def _accept(draft: Draft, *, who: Sender, author: drafts.Author, now: datetime) -> Submitted:
    amount = sender.amount_of(draft)
    who.check_recipients()
    who.check_limits(amount, now=now)
    composed = drafts.compose(draft, mailbox=who.mailbox, author=author, now=now)
    known = facts.gather(composed, mailbox=who.mailbox, mode=OversightMode(author.mode), now=now)
    verdict = evaluate(known)
    is_refused = verdict.outcome == Outcome.REFUSE
    # A refused send takes nothing of the limits.
    composed.message.quota_taken_at = None if is_refused else now
    composed.message.quota_amount = None if is_refused or amount == len(composed.recipients) else amount
    steps = [
        drafts.storing(composed, is_shown=not is_refused, now=now),
        _keeping(composed.message, known, verdict, now=now),
        quotas.spending_sends(who.mailbox, 0 if is_refused else amount, now=now),
    ]
    used = _written(steps, composed, with_files=bool(composed.files) and not is_refused, now=now)
    if not is_refused:
        quotas.check(used, who.limits, 0, now=now)  # over a limit all of it is rolled back
        drafts.show(composed)
    review = _act(composed, verdict, now=now)
    return Submitted(composed.message, composed.recipients, verdict, review, who)


def _written(steps: list[Step], composed: drafts.Composed, *, with_files: bool, now: datetime) -> dict[str, int]:
    """Run the steps as one statement; what each limit has used since then."""
    if not with_files:
        return dict(statements.run_steps(steps, quotas.TELL_SPENT))
    # What is told first is done first: files before counters, as whoever deletes a file locks them.
    answer = f"{linking.TELL_LINKED} UNION ALL {quotas.TELL_SPENT}"
    told = dict(statements.run_steps([*steps, linking.linking(composed, now=now)], answer))
    linking.check(composed, told.pop("linked"))
    return told


def _keeping(message: Message, known: Facts, verdict: Verdict, *, now: datetime) -> Step:
    evaluation = Evaluation(
        message=message,
        outcome=verdict.outcome.value,
        reason_code=verdict.code,
        facts=known.as_json(),
        trace=[finding.as_json() for finding in verdict.trace],
        evaluated_at=now,
    )
    return Step(EVALUATED, {"evaluation": as_json(row_of(evaluation))})


def _act(composed: drafts.Composed, verdict: Verdict, *, now: datetime) -> Review | None:
    message, reason = composed.message, Reason(verdict.code, verdict.text)
    if verdict.outcome == Outcome.REFUSE:
        outbox.refuse(message, reason=reason, now=now)
        return None
    if verdict.outcome == Outcome.HOLD:
        outbox.hold(message, reason=reason, now=now)
        return reviews.open(message, verdict=verdict, now=now)
    outbox.enqueue(message, clearance=Clearance(seal=composed.seal), not_before=now, now=now)
    for recipient in composed.recipients:
        recipient.next_at = now
    return None


def effective_mode(mailbox: Mailbox, asked: str | None) -> OversightMode:
    """The mode that applies to a send: the mailbox's, or a stricter one asked for. Raises Invalid or Forbidden."""
    own = OversightMode(mailbox.mode)
    if asked is None:
        return own
    try:
        wanted = OversightMode(asked)
    except ValueError as error:
        raise Invalid(
            "There is no such oversight mode.", code="invalid_mode", fix=f"Use one of {', '.join(OversightMode)}."
        ) from error
    if stricter(own, wanted) != wanted:
        raise Forbidden(
            f"The mailbox is {own}; a message may ask for a stricter mode, not for a freer one.",
            code="mode_not_stricter",
            fix="Leave oversightMode out, or ask for a stricter one.",
        )
    return wanted


def _get_outbound(mailbox: Mailbox, message_id: object) -> Message:
    parsed = parse_id(message_id)
    found = (
        Message.objects.select_related("mailbox")
        .filter(pk=parsed, mailbox=mailbox, direction=Direction.OUTBOUND)
        .exclude(status=Status.REFUSED)
        .first()
        if parsed
        else None
    )
    if found is None:
        raise NotFound("message")
    return found
