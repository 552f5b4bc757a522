"""From what was read of a mail to a message in a thread of its mailbox: arrived, and invisible until it is admitted."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django.conf import settings

from mailboxes.models import Mailbox
from messaging import threads
from messaging.mime.types import Address, Parsed, ParsedAttachment
from messaging.models import Attachment, Direction, Message, RawMessage, Status

from . import sender_checks
from .checks import Checks

MAX_NAME = 255


def file(row: RawMessage, mailbox: Mailbox, *, parsed: Parsed, checks: Checks, now: datetime) -> Message:
    """A new ARRIVED message for the raw message, with its attachments. Lives inside the transaction that claimed it."""
    sender = parsed.header_from.address if parsed.header_from else ""
    placement = threads.place(
        mailbox, references=_references(parsed), subject=parsed.subject, sender=sender or None, now=now
    )
    message = Message.objects.create(
        account_id=mailbox.account_id, mailbox=mailbox, thread=placement.thread,
        direction=Direction.INBOUND, status=Status.ARRIVED, oversight_mode=mailbox.mode, agent_id=mailbox.agent_id,
        message_id=parsed.message_id or _made_up_id(row),
        in_reply_to=parsed.in_reply_to, references=list(parsed.references),
        from_address=sender, from_name=parsed.header_from.name if parsed.header_from else "",
        to_addresses=_addresses(parsed.to), cc_addresses=_addresses(parsed.cc),
        reply_to=", ".join(_addresses(parsed.reply_to)), subject=parsed.subject,
        body_text=parsed.body_text, body_html=parsed.body_html, headers=_headers(parsed, checks),
        has_attachments=bool(parsed.attachments), attachments_dropped=parsed.attachments_dropped or "",
        defects=[str(defect) for defect in parsed.defects], sender_checks=sender_checks.as_json(checks),
        sender_new_to_thread=placement.sender_is_new,
        is_automatic=parsed.is_automatic or not row.envelope_sender, created_at=now,
    )  # fmt: skip
    Attachment.objects.bulk_create([_attachment(message, part, now=now) for part in parsed.attachments])
    return message


def _references(parsed: Parsed) -> tuple[str, ...]:
    """The ids that this mail answers, nearest last (RFC 5322 section 3.6.4)."""
    if parsed.in_reply_to is None:
        return parsed.references
    return (*(reference for reference in parsed.references if reference != parsed.in_reply_to), parsed.in_reply_to)


def _made_up_id(row: RawMessage) -> str:
    # A mail without a Message-ID can be answered and found too.
    return f"<{row.pk.hex}@{settings.MAIL_HOST}>"


def _addresses(found: Sequence[Address]) -> list[str]:
    return [address.address for address in found]


def _headers(parsed: Parsed, checks: Checks) -> dict[str, str]:
    """One value for each name, the topmost; our own authentication results before any other's."""
    ours = [(sender_checks.RESULTS_HEADER, sender_checks.results_header(checks))]
    shown: dict[str, tuple[str, str]] = {}
    for name, value in [*ours, *sender_checks.without_forged_results(parsed.headers)]:
        shown.setdefault(name.lower(), (name, value))
    return dict(shown.values())


def _attachment(message: Message, part: ParsedAttachment, *, now: datetime) -> Attachment:
    return Attachment(
        account_id=message.account_id, message=message, filename=part.filename[:MAX_NAME],
        content_type=part.content_type[:MAX_NAME], size_bytes=part.size_bytes,
        content_id=part.content_id[:MAX_NAME] if part.content_id else None, sha256=part.sha256,
        part_index=part.index, is_inline=part.is_inline, created_at=now,
    )  # fmt: skip
