"""The one door out: an agent asks to send, the policy answers, the message is queued, held or refused."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from mailboxes import accounts, quotas
from mailboxes.errors import Conflict, Forbidden, Invalid, NotFound
from mailboxes.ids import parse_id
from mailboxes.models import Mailbox, MailboxStatus, Scope
from mailboxes.modes import OversightMode, stricter
from mailboxes.principals import Principal
from messaging import threads
from messaging.faultpoints import faultpoint, faultpoint_after_commit
from messaging.lifecycle import Reason
from messaging.mime.types import Draft
from messaging.models import Direction, Message, Status
from messaging.outbound import drafts, outbox
from messaging.outbound.clearance import Clearance
from messaging.recipients import suppressions

from . import facts, quota_return, reviews
from .models import Evaluation, ReviewState
from .policy.evaluate import evaluate
from .policy.types import Facts, Outcome, Verdict


def submit(draft: Draft, *, actor: Principal, now: datetime) -> Message:
    """Accept the draft and act on the policy's verdict, in one transaction.

    Answers a message that is QUEUED, HELD or REFUSED; a refused one is committed too, and the face says 403. Raises
    Problem, and keeps nothing, where the request itself can't be taken.
    """
    actor.require(Scope.SEND, fix="Use an agent's key; a key that decides never sends.")
    mailbox = actor.get_mailbox(draft.mailbox_id)
    check_sender(mailbox)
    mode = _effective_mode(mailbox, draft.oversight_mode)
    with transaction.atomic():
        message = _accept(draft, mailbox=mailbox, author=drafts.Author(actor, mode), now=now)
        faultpoint_after_commit("accept.after_commit")
        faultpoint("accept.before_commit")
    return message


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
    mode = OversightMode(house.mailbox.mode)
    with transaction.atomic():
        return _accept(draft, mailbox=house.mailbox, author=drafts.Author(actor, mode), now=now)


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
    message.refresh_from_db(fields=["status", "quota_taken_at"])
    if message.status == Status.CANCELLED:
        return
    reason = Reason("cancelled", "Cancelled before it left.", {"by": by})
    if message.status == Status.HELD:
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
    if review is not None and review.state in (ReviewState.OPEN, ReviewState.APPROVED):
        reviews.close(review, ReviewState.CANCELLED, by=by, now=now)


def _accept(draft: Draft, *, mailbox: Mailbox, author: drafts.Author, now: datetime) -> Message:
    recipients = [address for _, address in draft.recipients()]
    suppressions.check(mailbox.account_id, recipients)
    quotas.take_sends(mailbox, len(recipients), now=now)
    message = drafts.create(draft, mailbox=mailbox, author=author, now=now)
    known = facts.gather(message, mailbox=mailbox, mode=OversightMode(author.mode))
    verdict = evaluate(known)
    _keep(message, known, verdict, now=now)
    _act(message, verdict, now=now)
    return message


def _keep(message: Message, known: Facts, verdict: Verdict, *, now: datetime) -> None:
    Evaluation.objects.create(
        message=message,
        outcome=verdict.outcome,
        reason_code=verdict.code,
        facts=known.as_json(),
        trace=[finding.as_json() for finding in verdict.trace],
        evaluated_at=now,
    )


def _act(message: Message, verdict: Verdict, *, now: datetime) -> None:
    reason = Reason(verdict.code, verdict.text)
    if verdict.outcome == Outcome.REFUSE:
        quota_return.give_back(message)
        outbox.refuse(message, reason=reason, now=now)
        return
    threads.show(message, now=now)
    if verdict.outcome == Outcome.HOLD:
        outbox.hold(message, reason=reason, now=now)
        reviews.open(message, verdict=verdict, now=now)
    else:
        seal = drafts.current_seal(message)
        outbox.enqueue(message, clearance=Clearance(seal=seal), not_before=now, now=now)


def check_sender(mailbox: Mailbox) -> None:
    """Refuse mailboxes that may not send at all: suspended, paused, or of an owner who is not verified."""
    account = mailbox.account
    if account.suspended_at is not None:
        raise Forbidden(
            "This account is suspended and may not send.",
            code="account_suspended",
            fix="Write to POST /v1/support.",
            suspended=True,
            reason=account.suspended_reason,
        )
    if mailbox.status == MailboxStatus.SUSPENDED:
        raise Forbidden(
            "This mailbox is suspended and may not send.", code="mailbox_suspended", fix="Write to support."
        )
    if mailbox.status != MailboxStatus.ACTIVE:
        raise Invalid(
            "This mailbox is paused and may not send.",
            code="mailbox_inactive",
            fix='PATCH /v1/mailboxes/{id} {"status": "ACTIVE"} wakes it.',
        )
    if not accounts.owner_is_verified(account):
        raise Forbidden(
            "The account's owner has not verified the signup address yet.",
            code="email_not_verified",
            fix="Ask your human to open the link in the mail; POST /v1/auth/resend-verification sends another.",
        )


def _effective_mode(mailbox: Mailbox, asked: str | None) -> OversightMode:
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
