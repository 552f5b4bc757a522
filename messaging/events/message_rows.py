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

# LATERAL with OFFSET 0: one by one along the primary keys, whatever the planner believes of tables just filled.
# No text is read that would be cut off anyway, and none of a usual length is counted character by character. What is in
# a deleted mailbox is gone.
MESSAGES = """
SELECT m.id::text, m.direction, m.status, m.withheld_at IS NOT NULL, m.mailbox_id, box.full_address, m.tags,
    json_build_object(
        'mailbox_address', box.full_address, 'rfc_message_id', m.message_id, 'thread_id', m.thread_id,
        'from', m.from_address, 'to', m.to_addresses, 'cc', m.cc_addresses, 'subject', m.subject,
        'in_reply_to', m.in_reply_to, 'metadata', m.metadata, 'tags', coalesce(m.tags, '{}')
    )::text,
    m.in_reply_to, m."references", m.received_at, m.has_attachments, m.attachments_dropped,
    CASE WHEN asked.in_full THEN m.headers::text ELSE '{}' END,
    CASE WHEN NOT asked.in_full THEN ''
        WHEN octet_length(m.body_text) <= %(most)s THEN m.body_text ELSE left(m.body_text, %(most)s) END,
    CASE WHEN NOT asked.in_full THEN NULL
        WHEN octet_length(m.body_html) <= %(most)s THEN m.body_html ELSE left(m.body_html, %(most)s) END
FROM unnest(%(ids)s::uuid[], %(in_full)s::bool[]) AS asked(id, in_full)
CROSS JOIN LATERAL (SELECT * FROM messaging_message WHERE id = asked.id OFFSET 0) AS m
CROSS JOIN LATERAL (
    SELECT full_address FROM mailboxes_mailbox WHERE id = m.mailbox_id AND deleted_at IS NULL OFFSET 0
) AS box
WHERE m.account_id = %(account)s
"""
RECIPIENTS = """
SELECT r.id::text, r.address, r.text
FROM messaging_recipient AS r JOIN messaging_message AS m ON m.id = r.message_id
WHERE r.id = ANY(%(ids)s::uuid[]) AND m.account_id = %(account)s
"""


class MessageRow(NamedTuple):
    """A message of the account; without `in_full` asked for there are no headers and no bodies.

    `description` and `headers` are the texts of JSON objects. An id that is only told is a text.
    """

    pk: str
    direction: str
    status: str
    is_withheld: bool
    mailbox_id: UUID
    mailbox_address: str
    tags: list[str] | None
    description: str
    in_reply_to: str | None
    references: list[str]
    received_at: datetime | None
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


NO_TAGS: frozenset[str] = frozenset()


class RecipientRow(NamedTuple):
    """One address of a message, and what its server said last."""

    pk: str
    address: str
    text: str


@dataclass(frozen=True, slots=True)
class Rows:
    """By their ids: what is not in here is gone, or somebody else's."""

    messages: Mapping[str, MessageRow] = field(default_factory=dict)
    recipients: Mapping[str, RecipientRow] = field(default_factory=dict)
    replied_to: Mapping[str, Message] = field(default_factory=dict)
    attachments: Mapping[str, list[Attachment]] = field(default_factory=dict)

    def tags(self, message: MessageRow) -> frozenset[str]:
        """The message's own tags, and of received mail those of the message that it answers."""
        answered = self.replied_to.get(message.pk)
        theirs = answered.tags if answered else None
        return frozenset([*(message.tags or ()), *(theirs or ())]) if message.tags or theirs else NO_TAGS


def read(
    account_id: UUID, *, in_full: Collection[str], in_short: Collection[str], recipients: Collection[str], most: int
) -> Rows:
    """The rows of these ids. `most`: characters of a body that are of use."""
    messages = _messages(account_id, in_full=in_full, in_short=in_short, most=most)
    received = [one for one in messages.values() if one.is_received and one.is_shown]
    with_files = [one.pk for one in received if one.has_attachments and one.pk in in_full and not one.is_withheld]
    return Rows(
        messages=messages,
        recipients=_recipients(account_id, recipients),
        replied_to=replies.find(received),
        attachments=_attachments(with_files),
    )


def _messages(
    account_id: UUID, *, in_full: Collection[str], in_short: Collection[str], most: int
) -> dict[str, MessageRow]:
    asked = {**dict.fromkeys(in_short, False), **dict.fromkeys(in_full, True)}
    if not asked:
        return {}
    named = {"ids": list(asked), "in_full": list(asked.values()), "account": account_id, "most": most}
    return {row[0]: MessageRow._make(row) for row in statements.run(MESSAGES, named)}


def _recipients(account_id: UUID, ids: Collection[str]) -> dict[str, RecipientRow]:
    if not ids:
        return {}
    rows = statements.run(RECIPIENTS, {"ids": list(ids), "account": account_id})
    return {row[0]: RecipientRow._make(row) for row in rows}


def _attachments(message_ids: Collection[str]) -> dict[str, list[Attachment]]:
    found: dict[str, list[Attachment]] = {pk: [] for pk in message_ids}
    if message_ids:
        for one in Attachment.objects.filter(message__in=map(UUID, message_ids)).order_by("part_index", "pk"):
            found[str(one.message_id)].append(one)
    return found
