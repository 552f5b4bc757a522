"""From what was read of mails to messages in threads of their mailboxes: arrived, and invisible until admitted."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings

from mailboxes import statements
from mailboxes.models import Mailbox
from mailboxes.modes import OversightMode
from messaging import threads
from messaging.mime.types import Address, Parsed, ParsedAttachment
from messaging.models import Attachment, Direction, Message, RawMessage, Status, Thread
from messaging.threads import Placement

from . import rows, sender_checks
from .checks import Checks
from .reading import Reading

MAX_NAME = 255

# Which mails may belong to a thread that there is: they name a message of their mailbox, or have a sender and a subject
# of one of its threads. `threads.place` has the last word on those; all others begin a thread.
MAY_JOIN = """
SELECT mail.place
FROM unnest(%(places)s::int[], %(boxes)s::uuid[], %(names)s::text[], %(senders)s::text[])
    AS mail(place, box, name, sender)
WHERE CASE WHEN mail.sender IS NULL THEN EXISTS (
    SELECT 1 FROM messaging_message WHERE mailbox_id = mail.box AND message_id = mail.name
) ELSE EXISTS (
    SELECT 1 FROM messaging_thread
    WHERE mailbox_id = mail.box AND subject_key = mail.name AND participants @> ARRAY[mail.sender]
) END
"""


def file_all(readings: Sequence[Reading], *, now: datetime) -> list[Message]:
    """New ARRIVED messages for the mails of one round, with their attachments, in the caller's transaction."""
    placements = _place_all(readings, now=now)
    # A microsecond apart, or lists would show the mails of one batch in any order.
    messages = [
        _message(reading, placement, now=now + timedelta(microseconds=place))
        for place, (reading, placement) in enumerate(zip(readings, placements, strict=True))
    ]
    rows.insert_all(messages)
    attachments = [
        _attachment(message, part, now=now)
        for message, reading in zip(messages, readings, strict=True)
        for part in reading.parsed.attachments
    ]
    rows.insert_all(attachments)
    return messages


def place_anew(message: Message, *, now: datetime) -> None:
    """Date a message that was held, and put it where it belongs among what its agent knows by now.

    Dated anew, or who asks for what is newer than the last would pass over it.
    """
    thread, mailbox = message.thread, message.mailbox
    message.created_at = now
    if thread is None or thread.message_count == 0:
        nearest = [message.in_reply_to] if message.in_reply_to else []
        placement = threads.find(
            mailbox,
            references=[*(one for one in message.references if one not in nearest), *nearest],
            subject=message.subject,
            sender=message.from_address or None,
            now=now,
        )
        if placement is not None:
            message.thread, message.sender_new_to_thread = placement.thread, placement.sender_is_new
    message.save(update_fields=["created_at", "thread", "sender_new_to_thread"])
    if thread is not None and thread != message.thread:
        Thread.objects.filter(pk=thread.pk, message_count=0, messages__isnull=True).delete()


def _place_all(readings: Sequence[Reading], *, now: datetime) -> list[Placement]:
    may_join = _may_join(readings)
    placements = [
        _place(reading, now=now)
        if place in may_join
        else Placement(thread=threads.begin(_mailbox(reading), subject=reading.parsed.subject))
        for place, reading in enumerate(readings)
    ]
    begun = [placement.thread for place, placement in enumerate(placements) if place not in may_join]
    rows.insert_all(begun)
    return placements


def _may_join(readings: Sequence[Reading]) -> set[int]:
    asked: list[tuple[int, UUID, str, str | None]] = []
    for place, reading in enumerate(readings):
        box = _mailbox(reading).pk
        asked += [(place, box, reference, None) for reference in reading.references]
        if not reading.references and reading.sender and reading.subject_key:
            asked.append((place, box, reading.subject_key, reading.sender))
    if not asked:
        return set()
    columns = dict(zip(("places", "boxes", "names", "senders"), map(list, zip(*asked, strict=True)), strict=True))
    return {place for (place,) in statements.run(MAY_JOIN, columns)}


def _place(reading: Reading, *, now: datetime) -> Placement:
    return threads.place(
        _mailbox(reading),
        references=reading.references,
        subject=reading.parsed.subject,
        sender=reading.sender or None,
        now=now,
    )


def _message(reading: Reading, placement: Placement, *, now: datetime) -> Message:
    row, mailbox, parsed, checks = reading.row, _mailbox(reading), reading.parsed, reading.checks
    return Message(
        account=mailbox.account, mailbox=mailbox, thread=placement.thread,
        direction=Direction.INBOUND, status=Status.ARRIVED, oversight_mode=_mode(reading), agent_id=mailbox.agent_id,
        message_id=parsed.message_id or _made_up_id(row),
        in_reply_to=parsed.in_reply_to, references=list(parsed.references),
        from_address=reading.sender, from_name=parsed.header_from.name if parsed.header_from else "",
        to_addresses=_addresses(parsed.to), cc_addresses=_addresses(parsed.cc),
        reply_to=", ".join(_addresses(parsed.reply_to)), subject=parsed.subject,
        body_text=parsed.body_text, body_html=parsed.body_html, headers=_headers(parsed, checks),
        has_attachments=bool(parsed.attachments), attachments_dropped=parsed.attachments_dropped or "",
        defects=[str(defect) for defect in parsed.defects], sender_checks=sender_checks.as_json(checks),
        sender_new_to_thread=placement.sender_is_new,
        is_automatic=parsed.is_automatic or not row.envelope_sender, received_at=row.received_at, created_at=now,
    )  # fmt: skip


def _mode(reading: Reading) -> str:
    """Of the mailbox now, or at the mail's arrival where that held what came: no change of a mode lets it through."""
    return OversightMode.GATED_ALL if reading.row.is_gated else _mailbox(reading).mode


def _mailbox(reading: Reading) -> Mailbox:
    assert reading.row.mailbox is not None
    return reading.row.mailbox


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
