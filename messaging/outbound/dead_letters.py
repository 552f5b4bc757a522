"""Sends that the machine has given up (`giving_up`), taken up again or dropped by a person.

Who may do so, and whether the message is still cleared, is decided above (`oversight.dead_letters`); the database's
guard on attempts is the last word as ever.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.db.models import Q, QuerySet

from mailboxes import events
from mailboxes.errors import Conflict
from messaging import lifecycle, wakeup
from messaging.models import DeadLetter, LetterEnd, Recipient, RecipientState, Status

from .giving_up import ATTEMPT_REFUSED, GAVE_UP

DROPPED = "dropped"
# Of these messages something may still leave.
ALIVE = (Status.QUEUED, Status.SENDING, Status.SENT, Status.UNKNOWN, Status.FAILED)
IS_DEAD = Q(recipient__state=RecipientState.FAILED, recipient__code=GAVE_UP) | Q(
    recipient__state=RecipientState.DEFERRED, recipient__code=ATTEMPT_REFUSED
)


def waiting(account_id: UUID) -> QuerySet[DeadLetter]:
    """The account's dead letters that wait for a person, newest first."""
    alive = DeadLetter.objects.filter(account_id=account_id, ended_at__isnull=True, message__status__in=ALIVE)
    return alive.filter(IS_DEAD).order_by("-died_at", "-id")


def lock(letter: DeadLetter) -> DeadLetter:
    """The letter with its recipient locked, as both stand now. Raises Conflict where it waits for nobody any more."""
    Recipient.objects.select_for_update(no_key=True).get(pk=letter.recipient_id)
    found = DeadLetter.objects.select_related("recipient", "message", "mailbox").get(pk=letter.pk)
    is_waiting = found.ended_at is None and DeadLetter.objects.filter(IS_DEAD, pk=letter.pk).exists()
    if not is_waiting or found.message.status not in ALIVE:
        raise Conflict("It waits for nobody any more.", code="letter_over", fix="Read the message's recipients.")
    return found


def requeue(letter: DeadLetter, *, by: str, note: str, now: datetime) -> None:
    """Try the locked letter's recipient again, with as many attempts and as much time as if it were new."""
    recipient = letter.recipient
    recipient.state, recipient.next_at, recipient.code, recipient.text = RecipientState.WAITING, now, "", ""
    recipient.tried_before = recipient.attempts_count
    recipient.save(update_fields=["state", "next_at", "code", "text", "tried_before"])
    _end(letter, LetterEnd.REQUEUED, by=by, note=note, now=now)
    lifecycle.fold([letter.message_id], now=now)
    _record(letter, "message.requeued", by=by, now=now)
    wakeup.ring(wakeup.DRAIN_OUTBOX)


def drop(letter: DeadLetter, *, by: str, note: str, now: datetime) -> None:
    """Give the locked letter's recipient up for good."""
    recipient = letter.recipient
    if recipient.state == RecipientState.DEFERRED:
        recipient.state, recipient.next_at, recipient.code = RecipientState.FAILED, None, DROPPED
        recipient.text = f"Given up by a person. {recipient.text}"
        recipient.save(update_fields=["state", "next_at", "code", "text"])
    _end(letter, LetterEnd.DROPPED, by=by, note=note, now=now)
    lifecycle.fold([letter.message_id], now=now)
    _record(letter, "message.dropped", by=by, now=now)


def _end(letter: DeadLetter, end: LetterEnd, *, by: str, note: str, now: datetime) -> None:
    letter.end, letter.ended_at, letter.ended_by, letter.note = end, now, by, note
    letter.save(update_fields=["end", "ended_at", "ended_by", "note"])


def _record(letter: DeadLetter, kind: str, *, by: str, now: datetime) -> None:
    ids = {"message_id": str(letter.message_id), "mailbox_id": str(letter.mailbox_id)}
    data = {**ids, "recipient_id": str(letter.recipient_id), "reason": letter.cause, "by": by}
    events.record(
        letter.account_id, kind, subject=str(letter.message_id), data=data, now=now, mailbox_id=letter.mailbox_id
    )
