"""Dead letters: sends whose last retry is spent, before a person who has them tried again or gives them up."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction
from django.db.models import QuerySet

from mailboxes.errors import Conflict, NotFound
from mailboxes.ids import parse_id
from mailboxes.models import Scope
from mailboxes.principals import Principal
from messaging.models import DeadLetter, Message
from messaging.outbound import dead_letters, drafts, giving_up
from messaging.recipients import suppressions

from . import deciders, reviews
from .models import Decision, DecisionKind, Review


def visible(actor: Principal) -> QuerySet[DeadLetter]:
    """The dead letters in the principal's scope, newest first."""
    actor.require(Scope.READ)
    mine = dead_letters.waiting(actor.account.pk).exclude(mailbox__in=actor.deleted_mailboxes())
    return mine if actor.mailbox_ids is None else mine.filter(mailbox_id__in=actor.mailbox_ids)


def is_refused_by_us(letter: DeadLetter) -> bool:
    """Whether no mail server was asked: the database's guard let it not leave."""
    return letter.cause == giving_up.ATTEMPT_REFUSED


def requeue(actor: Principal, letter_id: object, *, note: str = "", now: datetime) -> DeadLetter:
    """Have it tried again, with a fresh round of attempts. What was approved stays what is sent.

    Raises Forbidden, NotFound, Conflict (letter_over, suppressed, not_approved, approval_expired).
    """
    with transaction.atomic():
        letter, review = _lock(actor, letter_id)
        _check_may_leave(letter, review, now=now)
        dead_letters.requeue(letter, by=actor.identity, note=note, now=now)
    return letter


def drop(actor: Principal, letter_id: object, *, note: str = "", now: datetime) -> DeadLetter:
    """Give it up for good. Raises Forbidden, NotFound, Conflict (letter_over)."""
    with transaction.atomic():
        letter, _ = _lock(actor, letter_id)
        dead_letters.drop(letter, by=actor.identity, note=note, now=now)
    return letter


def _lock(actor: Principal, letter_id: object) -> tuple[DeadLetter, Review | None]:
    parsed = parse_id(letter_id)
    mine = DeadLetter.objects.filter(account=actor.account).exclude(mailbox__in=actor.deleted_mailboxes())
    if actor.mailbox_ids is not None:
        mine = mine.filter(mailbox_id__in=actor.mailbox_ids)
    letter = mine.filter(pk=parsed).first() if parsed else None
    if letter is None:
        raise NotFound("dead letter")
    deciders.check(actor)
    review = reviews.lock_latest(Message(pk=letter.message_id))  # review before recipient: the one lock order
    return dead_letters.lock(letter), review


def _check_may_leave(letter: DeadLetter, review: Review | None, *, now: datetime) -> None:
    address = letter.recipient.address
    suppressed = suppressions.find(letter.account_id, [address])
    if suppressed:
        raise Conflict(
            f"{address} is on the suppression list ({suppressed[0].reason}).",
            code="suppressed",
            fix="Remove the suppression if the person asked for mail again, or drop the letter.",
        )
    if not letter.message.needs_decision:
        return
    newest = Decision.objects.filter(review=review).order_by("-version").first() if review else None
    is_approved = newest is not None and newest.kind == DecisionKind.APPROVE
    if newest is None or not is_approved or newest.seal != drafts.current_seal(letter.message):
        raise Conflict(
            "Nobody has approved what would be sent.", code="not_approved", fix="Drop it; the agent may send again."
        )
    if review is not None and review.expires_at <= now:
        raise Conflict(
            "Its approval is too old: the review would have expired by now.",
            code="approval_expired",
            fix="Drop it; the agent may send again, and somebody decide on that.",
        )
