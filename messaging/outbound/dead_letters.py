"""Sends that the machine has given up: noted when the last retry is spent, and taken up again or dropped by a person.

Who may do so, and whether the message is still cleared, is decided above (`oversight.dead_letters`); the database's
guard on attempts is the last word as ever.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from django.db.models import Q, QuerySet

from mailboxes import events, statements
from mailboxes.errors import Conflict
from messaging import lifecycle, wakeup
from messaging.models import DeadLetter, LetterEnd, Recipient, RecipientState, Status

GAVE_UP, ATTEMPT_REFUSED, DROPPED = "gave_up", "attempt_refused", "dropped"
# Of these messages something may still leave.
ALIVE = (Status.QUEUED, Status.SENDING, Status.SENT, Status.UNKNOWN, Status.FAILED)
IS_DEAD = Q(recipient__state=RecipientState.FAILED, recipient__code=GAVE_UP) | Q(
    recipient__state=RecipientState.DEFERRED, recipient__code=ATTEMPT_REFUSED
)

# What a recipient shows is ours; what the mail server said last stands in its newest attempt. Of one that waits for a
# person already the newest is told.
NOTE = """
INSERT INTO messaging_deadletter (
    id, account_id, mailbox_id, message_id, recipient_id, cause, code, text, attempts_count, died_at, "end", ended_by,
    note)
SELECT gen_random_uuid(), m.account_id, m.mailbox_id, m.id, r.id, r.code, coalesce(t.code, ''),
    CASE WHEN r.code = 'gave_up' THEN coalesce(t.text, r.text) ELSE r.text END, r.attempts_count, %(now)s, '', '', ''
FROM messaging_recipient r
JOIN messaging_message m ON m.id = r.message_id
LEFT JOIN messaging_attempt t ON t.recipient_id = r.id AND t.number = r.attempts_count
WHERE r.id = ANY(%(recipients)s)
    AND (r.state = 'failed' AND r.code = 'gave_up' OR r.state = 'deferred' AND r.code = 'attempt_refused')
ORDER BY r.id
ON CONFLICT (recipient_id) WHERE ended_at IS NULL DO UPDATE
SET cause = EXCLUDED.cause, code = EXCLUDED.code, text = EXCLUDED.text, died_at = EXCLUDED.died_at,
    attempts_count = EXCLUDED.attempts_count
"""


def note(recipient_ids: Sequence[UUID], *, now: datetime) -> None:
    """Put those of the recipients before a person that are dead; in the caller's transaction, after their locks."""
    statements.run(NOTE, {"recipients": sorted(recipient_ids), "now": now})


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
