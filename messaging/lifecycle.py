"""The allowed moves of a message. `Message.status` is written here and nowhere else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from mailboxes import events, statements
from mailboxes.errors import Conflict
from mailboxes.events import Happening
from mailboxes.statements import Step

from .models import Direction, Message, Status

MOVES: dict[Status, frozenset[Status]] = {
    Status.ACCEPTED: frozenset({Status.QUEUED, Status.HELD, Status.SCHEDULED, Status.REFUSED}),
    Status.SCHEDULED: frozenset({Status.ACCEPTED, Status.CANCELLED}),
    # RELEASED is for what was received; for that, the database asks for a human's approval (oversight/migrations).
    Status.HELD: frozenset(
        {Status.QUEUED, Status.RELEASED, Status.REJECTED, Status.RETURNED, Status.EXPIRED, Status.CANCELLED}
    ),
    Status.QUEUED: frozenset({Status.HELD, Status.CANCELLED, Status.SENDING}),
    Status.SENDING: frozenset({Status.SENT, Status.QUEUED, Status.FAILED, Status.UNKNOWN}),
    Status.UNKNOWN: frozenset({Status.SENT, Status.FAILED}),
    Status.RETURNED: frozenset({Status.HELD, Status.EXPIRED, Status.CANCELLED}),
    Status.ARRIVED: frozenset({Status.RELEASED, Status.HELD}),
}
FINAL = frozenset(
    {Status.REFUSED, Status.SENT, Status.FAILED, Status.REJECTED, Status.EXPIRED, Status.CANCELLED, Status.RELEASED}
)
# queued <-> sending is told by attempt rows; a released mail is told as message.received by whoever released it.
SILENT = frozenset({Status.SENDING, Status.RELEASED, Status.ARRIVED, Status.ACCEPTED})


NOTHING_ALONG = Step("along AS (SELECT)", {})


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a message is where it is: a code for machines, a sentence for people."""

    code: str = ""
    text: str = ""
    data: dict[str, object] = field(default_factory=dict)


def advance(
    message: Message,
    to: Status,
    *,
    now: datetime,
    reason: Reason | None = None,
    only_with: Step | None = None,
    **columns: object,
) -> None:
    """Move the message to a state that follows its present one, and record the event, by one statement.

    `columns` are written by the same conditional UPDATE. `only_with` is done along with it: a step named `along`;
    unless that gives a row, the message stays. Raises Conflict then, and when the message has moved on meanwhile.
    """
    assert to not in SILENT
    reason = reason or Reason()
    columns |= {"status": to.value, "reason_code": reason.code, "reason_text": reason.text}
    moved = _move(message, columns, along=only_with)
    told = [_happening(message.pk, message.mailbox_id, to, reason, is_received=_is_received(message))]
    if to not in MOVES.get(Status(message.status), ()) or not events.record_all(
        message.account_id, told, now=now, told_of=moved
    ):
        raise Conflict(
            f"The message can't become {to.value}: it is no longer {Status(message.status).value}.",
            code="state_changed",
            fix="Read it again.",
        )
    for name, value in columns.items():
        setattr(message, name, value)


def _move(message: Message, columns: dict[str, object], *, along: Step | None) -> Step:
    """Write the columns if the message is still where we saw it."""
    along = along or NOTHING_ALONG
    written = ", ".join(f"{name} = %({name})s" for name in columns)
    where = "id = %(message)s AND status = %(was)s AND EXISTS (SELECT FROM along)"
    move = f"UPDATE messaging_message SET {written} WHERE {where} RETURNING id"  # noqa: S608 - our names
    named = {**along.parameters, **columns, "message": message.pk, "was": str(message.status)}
    return Step(f"{along.text}, done AS ({move})", named)


def advance_all(
    messages: Sequence[Message], to: Status, *, reason: Reason | None = None, **columns: object
) -> list[Happening]:
    """Move messages that are in one state by one statement, in the caller's transaction; what the caller has to record
    of it, nothing for a silent state.

    Raises Conflict, which ends that transaction, when one of them has moved on meanwhile.
    """
    (origin,) = {Status(message.status) for message in messages}
    reason = reason or Reason()
    ids = [message.pk for message in messages]
    columns |= {"status": to, "reason_code": reason.code, "reason_text": reason.text}
    mine = Message.objects.filter(pk__in=ids, status=origin)
    if to not in MOVES.get(origin, ()) or mine.update(**columns) != len(messages):
        raise Conflict("One of the messages has moved on meanwhile.", code="state_changed", fix="Read them again.")
    for message in messages:
        for name, value in columns.items():
            setattr(message, name, value)
    if to in SILENT:
        return []
    return [_happening(one.pk, one.mailbox_id, to, reason, is_received=_is_received(one)) for one in messages]


LOCK = "SELECT id FROM messaging_message WHERE id = ANY(%(ids)s) ORDER BY id FOR NO KEY UPDATE"
# A second statement on purpose: it must see the recipients as they are once the locks are held.
FOLD = """
WITH folded AS (
    SELECT m.id, m.status AS old,
        CASE
            WHEN bool_or(r.state = 'sending') THEN 'sending'
            WHEN bool_or(r.state IN ('waiting', 'deferred')) THEN 'queued'
            WHEN bool_or(r.state = 'unknown') THEN 'unknown'
            WHEN bool_or(r.state IN ('sent', 'delivered', 'bounced', 'complained')) THEN 'sent'
            ELSE 'failed'
        END AS new,
        coalesce((array_agg(r.code ORDER BY r.address)
            FILTER (WHERE r.state IN ('deferred', 'failed', 'unknown')))[1], '') AS code,
        coalesce((array_agg(r.text ORDER BY r.address)
            FILTER (WHERE r.state IN ('deferred', 'failed', 'unknown')))[1], '') AS text
    FROM messaging_message m JOIN messaging_recipient r ON r.message_id = m.id
    WHERE m.id = ANY(%(ids)s) AND m.status IN ('queued', 'sending', 'unknown', 'sent', 'failed')
    GROUP BY m.id, m.status
)
UPDATE messaging_message m SET
    status = f.new, reason_code = f.code, reason_text = f.text,
    sent_at = CASE WHEN f.new = 'sent' THEN coalesce(m.sent_at, %(now)s) ELSE m.sent_at END
FROM folded f
WHERE m.id = f.id AND (f.old <> f.new OR m.reason_code <> f.code OR m.reason_text <> f.text)
RETURNING m.id, m.account_id, m.mailbox_id, f.old, f.new, f.code
"""


def fold(message_ids: Sequence[UUID], *, now: datetime) -> None:
    """Set each message's state from its recipients' states, and record what changed for good.

    any sending → sending; else any waiting or deferred → queued; else any unknown → unknown; else any taken → sent;
    else failed. Call it in the transaction that changed the recipients, after their locks.
    """
    ids = sorted(set(message_ids))
    if not ids:
        return
    statements.run(LOCK, {"ids": ids})
    told: dict[UUID, list[Happening]] = {}
    for pk, account_id, mailbox_id, old, new, code in statements.run(FOLD, {"ids": ids, "now": now}):
        if old != new and new in (Status.SENT, Status.FAILED, Status.UNKNOWN):
            told.setdefault(account_id, []).append(_happening(pk, mailbox_id, Status(new), Reason(code=code)))
    for account_id in events.in_lock_order(told):
        events.record_all(account_id, sorted(told[account_id], key=lambda one: one.subject), now=now)


def _is_received(message: Message) -> bool:
    return message.direction == Direction.INBOUND


def _happening(
    pk: UUID, mailbox_id: UUID | None, to: Status, reason: Reason, *, is_received: bool = False
) -> Happening:
    data: dict[str, object] = {"message_id": str(pk), "mailbox_id": str(mailbox_id), **reason.data}
    if is_received:  # said by the event itself: agents are not told of it, even when its message is gone
        data |= events.HIDDEN
    if reason.code:
        data["reason"] = reason.code
    return Happening(f"message.{to.value}", subject=str(pk), data=data, mailbox_id=mailbox_id)
