"""Attachments deleted, and their storage given back. The objects go after the commit; no storage can stop that.

A received mail keeps its bytes: what is deleted is the attachment, and what it counted.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from uuid import UUID

from django.db import connection, transaction

from mailboxes import events
from mailboxes.errors import NotFound
from mailboxes.events import Happening
from mailboxes.models import Scope
from mailboxes.principals import Principal
from messaging import wakeup
from messaging.models import Attachment

from . import access, contents

# A received file counts from the moment it was shown.
DELETE = """
DELETE FROM messaging_attachment AS file WHERE file.account_id = %s AND file.id = ANY(%s)
RETURNING file.sha256, CASE WHEN file.part_index IS NULL THEN NULL WHEN EXISTS (
    SELECT FROM messaging_message AS mail WHERE mail.id = file.message_id AND mail.released_at IS NOT NULL
) THEN file.size_bytes ELSE 0 END
"""


def delete(actor: Principal, attachment_id: object, *, now: datetime) -> None:
    """Delete one attachment that the actor may see; committed on return. Raises NotFound."""
    with transaction.atomic():
        found = access.get(actor, attachment_id, scope=Scope.SEND)
        if not forget(found.account_id, [found.pk]):
            raise NotFound("attachment")  # somebody else has deleted it just now
        record(found.account_id, [found], by=actor.identity, now=now)


def forget_of_messages(account_id: UUID, message_ids: Collection[UUID]) -> int:
    """Delete all attachments of these messages of an account, in the caller's transaction; how many.

    Their storage is given back and their objects go after the commit. For a mailbox or an account: some thousand
    messages at a time, before the messages are deleted. No event: who deletes the messages tells of that.
    """
    ids = Attachment.objects.filter(account_id=account_id, message__in=message_ids).values_list("pk", flat=True)
    return forget(account_id, list(ids))


def forget(account_id: UUID, ids: Sequence[UUID]) -> int:
    """Delete attachments of one account and give back what they counted, in the caller's transaction; how many."""
    if not ids:
        return 0
    with connection.cursor() as cursor:
        cursor.execute(DELETE, [account_id, sorted(ids)])
        gone: list[tuple[str, int | None]] = cursor.fetchall()
    contents.give_up(account_id, [sha256 for sha256, received in gone if received is None])
    received_bytes = sum(received or 0 for _, received in gone)
    if received_bytes:
        contents.give_back(account_id, received_bytes)
    wakeup.ring(wakeup.SWEEP_FILES)
    return len(gone)


def record(account_id: UUID, files: Iterable[Attachment], *, by: str, now: datetime) -> None:
    """Tell of deleted attachments, after every other lock of the transaction."""
    told = [Happening("attachment.deleted", str(file.pk), {"attachment_id": str(file.pk), "by": by}) for file in files]
    events.record_all(account_id, told, now=now)
