"""A new revision of a message that waits: by a person's edit, or by its author's resubmission.

The files of an edited message are taken out of the bytes under the seal, not out of storage: those were looked at.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime

from mailboxes import quotas
from mailboxes.errors import Conflict
from mailboxes.models import Mailbox
from messaging import threads
from messaging.mime import parse
from messaging.mime.types import OutgoingFile
from messaging.models import Attachment, Message, Recipient, Revision, Status

from . import shown
from .drafts import Composed, seal_differs

# The columns that a new revision may change, beside its number.
ASKED = (
    *("to_addresses", "cc_addresses", "bcc_addresses", "reply_to", "subject", "body_text", "body_html"),
    *("headers", "metadata", "tags", "has_attachments", "oversight_mode", "agent", "member", "key"),
)


def checked(message: Message) -> Revision:
    """The current revision. Raises Conflict (`seal_differs`) when its message no longer shows what it says."""
    revision = Revision.objects.get(message=message, version=message.current_version)
    if shown.differs(message, revision.shown):
        raise seal_differs()
    return revision


def files_of(message: Message, revision: Revision) -> tuple[OutgoingFile, ...]:
    """The message's files with their contents, from the sealed bytes."""
    rows = list(Attachment.objects.filter(message=message).order_by("created_at", "pk"))
    if not rows:
        return ()
    by_hash = {hashlib.sha256(content).hexdigest(): content for content in parse.contents(bytes(revision.raw))}
    if any(row.sha256 not in by_hash for row in rows):
        raise seal_differs()
    return tuple(
        OutgoingFile(row.pk, row.filename, row.content_type, by_hash[row.sha256], row.sha256, row.content_id)
        for row in rows
    )


def store(message: Message, composed: Composed, *, now: datetime) -> None:
    """Keep `composed` as the next revision, in the caller's transaction: of a HELD message as the current one.

    A RETURNED message becomes HELD with it (`outbox.hold_again`), which makes it the current one. Raises Conflict when
    the message has moved on, or when a recipient that is taken out has been tried already.
    """
    _set_recipients(message, composed.recipients)
    renewed = composed.message
    Revision.objects.create(
        message=message,
        version=renewed.current_version,
        raw=composed.raw,
        seal=composed.seal,
        shown=shown.digest(renewed, composed.files),
        made_by=composed.made_by,
        created_at=now,
    )
    version = ("current_version",) if message.status == Status.HELD else ()
    columns = {name: getattr(renewed, name) for name in (*version, *ASKED)}
    seen = {"status": message.status, "current_version": message.current_version}
    if not Message.objects.filter(pk=message.pk, **seen).update(**columns):
        raise Conflict("The message no longer waits.", code="state_changed", fix="Read it again.")
    for name, value in columns.items():
        setattr(message, name, value)
    threads.join(message)


def booked(message: Message) -> int:
    """What the message took of the limits; ask it before its recipients change."""
    return message.recipients.count() if message.quota_amount is None else message.quota_amount


def rebook(message: Message, *, mailbox: Mailbox, old: int, new: int, now: datetime) -> None:
    """Take `new` of the limits for a message that took `old`. Raises LimitReached when there is no room.

    Less is given back where it was taken; more is taken anew, all of it, now. After the message's own row, as everybody
    takes limits.
    """
    taken_at = message.quota_taken_at
    if taken_at is None:
        return
    if new > old:
        quotas.give_back_sends(mailbox, old, taken_at=taken_at)
        quotas.take_all(mailbox.account, quotas.send_counters(mailbox.pk, mailbox.account_id), new, now=now)
        taken_at = now
    elif new < old:
        quotas.give_back_sends(mailbox, old - new, taken_at=taken_at)
    Message.objects.filter(pk=message.pk).update(quota_amount=new, quota_taken_at=taken_at)
    message.quota_taken_at, message.quota_amount = taken_at, new


def _set_recipients(message: Message, wanted: Sequence[Recipient]) -> None:
    rows = Recipient.objects.select_for_update(no_key=True).filter(message=message).order_by("pk")
    present = {row.address: row for row in rows}
    kinds = {one.address: one.kind for one in wanted}
    gone = [row for row in present.values() if row.address not in kinds]
    if any(row.attempts_count for row in gone):
        raise Conflict(
            "A recipient that is taken out has been tried already: what came of it is kept with the message.",
            code="recipient_was_tried",
            fix="Leave them in, or reject the message.",
        )
    Recipient.objects.filter(pk__in=[row.pk for row in gone]).delete()
    changed = [row for row in present.values() if row.address in kinds and row.kind != kinds[row.address]]
    for row in changed:
        row.kind = kinds[row.address]
    Recipient.objects.bulk_update(changed, ["kind"])
    Recipient.objects.bulk_create([one for one in wanted if one.address not in present])
