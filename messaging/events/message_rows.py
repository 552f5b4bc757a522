"""What events about messages are rendered from: the messages as they are now, in a few statements for many events."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from mailboxes import statements
from messaging import replies
from messaging.models import Attachment, Direction, Message, Status

# No text is read that would be cut off anyway (`envelope.MOST_BYTES`). What is in a deleted mailbox is gone.
MESSAGES = """
SELECT m.id, m.direction, m.status, m.withheld_at IS NOT NULL, m.mailbox_id, box.full_address, m.message_id,
    m.in_reply_to, m.thread_id, m.from_address, m.to_addresses, m.cc_addresses, m.subject, m.metadata::text, m.tags,
    m."references", m.received_at, m.unlocked_at, m.has_attachments, m.attachments_dropped,
    CASE WHEN asked.in_full THEN m.headers::text ELSE '{}' END,
    CASE WHEN asked.in_full THEN left(m.body_text, %(most)s) ELSE '' END,
    CASE WHEN asked.in_full THEN left(m.body_html, %(most)s) END
FROM unnest(%(ids)s::uuid[], %(in_full)s::bool[]) AS asked(id, in_full)
JOIN messaging_message AS m ON m.id = asked.id
JOIN mailboxes_mailbox AS box ON box.id = m.mailbox_id
WHERE m.account_id = %(account)s AND box.deleted_at IS NULL
"""
RECIPIENTS = """
SELECT r.id, r.address, r.text FROM messaging_recipient AS r JOIN messaging_message AS m ON m.id = r.message_id
WHERE r.id = ANY(%(ids)s) AND m.account_id = %(account)s
"""


class MessageRow(NamedTuple):
    """A message of the account. Without `in_full` asked for there are no headers and no bodies."""

    pk: UUID
    direction: str
    status: str
    is_withheld: bool
    mailbox_id: UUID
    mailbox_address: str
    message_id: str
    in_reply_to: str | None
    thread_id: UUID | None
    from_address: str
    to_addresses: list[str]
    cc_addresses: list[str]
    subject: str
    metadata: str
    tags: list[str] | None
    references: list[str]
    received_at: datetime | None
    unlocked_at: datetime | None
    has_attachments: bool
    attachments_dropped: str
    headers: str
    body_text: str
    body_html: str | None

    @property
    def is_received(self) -> bool:
        return self.direction == Direction.INBOUND

    @property
    def is_shown(self) -> bool:
        """Whether agents know of it: received mail once it was released."""
        return not self.is_received or self.status == Status.RELEASED


class RecipientRow(NamedTuple):
    """One address of a message, and what its server said last."""

    pk: UUID
    address: str
    text: str


@dataclass(frozen=True, slots=True)
class Rows:
    """By their ids: what is not in here is gone, or somebody else's."""

    messages: Mapping[UUID, MessageRow] = field(default_factory=dict)
    recipients: Mapping[UUID, RecipientRow] = field(default_factory=dict)
    answered: Mapping[UUID, Message] = field(default_factory=dict)
    attachments: Mapping[UUID, list[Attachment]] = field(default_factory=dict)

    def tags(self, message: MessageRow) -> frozenset[str]:
        """The message's own tags, and of received mail those of the message that it answers."""
        answered = self.answered.get(message.pk)
        return frozenset([*(message.tags or ()), *((answered.tags or ()) if answered else ())])


def read(
    account_id: UUID, *, in_full: Collection[UUID], in_short: Collection[UUID], recipients: Collection[UUID], most: int
) -> Rows:
    """The rows of these ids. `most`: characters of a body that are of use."""
    messages = _messages(account_id, in_full=in_full, in_short=in_short, most=most)
    received = [one for one in messages.values() if one.is_received and one.is_shown]
    with_files = [one.pk for one in received if one.has_attachments and one.pk in in_full and not one.is_withheld]
    return Rows(
        messages=messages,
        recipients=_recipients(account_id, recipients),
        answered=replies.find(received),
        attachments=_attachments(with_files),
    )


def _messages(
    account_id: UUID, *, in_full: Collection[UUID], in_short: Collection[UUID], most: int
) -> dict[UUID, MessageRow]:
    asked = {**dict.fromkeys(in_short, False), **dict.fromkeys(in_full, True)}
    if not asked:
        return {}
    named = {"ids": list(asked), "in_full": list(asked.values()), "account": account_id, "most": most}
    return {row[0]: MessageRow._make(row) for row in statements.run(MESSAGES, named)}


def _recipients(account_id: UUID, ids: Collection[UUID]) -> dict[UUID, RecipientRow]:
    if not ids:
        return {}
    rows = statements.run(RECIPIENTS, {"ids": list(ids), "account": account_id})
    return {row[0]: RecipientRow._make(row) for row in rows}


def _attachments(message_ids: Collection[UUID]) -> dict[UUID, list[Attachment]]:
    found: dict[UUID, list[Attachment]] = {pk: [] for pk in message_ids}
    if message_ids:
        for one in Attachment.objects.filter(message__in=message_ids).order_by("part_index", "pk"):
            if one.message_id is not None:
                found[one.message_id].append(one)
    return found
