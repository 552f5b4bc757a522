"""From what was asked to a sealed message."""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from django.conf import settings

from mailboxes.errors import Conflict, Invalid
from mailboxes.ids import new_id
from mailboxes.models import Mailbox
from mailboxes.principals import Principal
from mailboxes.statements import Step, as_json, row_of
from messaging import threads
from messaging.mime import build, conversation, markdown, seal
from messaging.mime.refusals import Refused
from messaging.mime.types import Address, Draft, OutgoingFile
from messaging.models import Direction, Message, Recipient, Revision, Status

from . import shown

# All that an accepted message begins with, as rows written in JSON: each parameter of a statement costs more than the
# reading of all of them. A thread that begins with this message is stored as it will stand when the message is shown.
STORED = """thread AS (
    INSERT INTO messaging_thread
    SELECT * FROM json_populate_recordset(NULL::messaging_thread, %(new_threads)s::json)
), message AS (
    INSERT INTO messaging_message SELECT * FROM json_populate_record(NULL::messaging_message, %(message)s::json)
), revision AS (
    INSERT INTO messaging_revision (id, message_id, version, raw, seal, shown, made_by, created_at)
    VALUES (%(revision)s, %(id)s, 1, %(raw)s, %(seal)s, %(shown)s, %(made_by)s, %(now)s)
), recipients AS (
    INSERT INTO messaging_recipient
    SELECT * FROM json_populate_recordset(NULL::messaging_recipient, %(recipients)s::json)
)"""


@dataclass(frozen=True, slots=True)
class Author:
    """Who a draft comes from, and under which mode it was asked."""

    actor: Principal
    mode: str


@dataclass(frozen=True, slots=True)
class Composed:
    """A message with its sealed bytes and its recipients, not stored yet."""

    message: Message
    recipients: tuple[Recipient, ...]
    raw: bytes
    seal: str
    made_by: str
    files: tuple[OutgoingFile, ...]
    is_first_of_thread: bool


def compose(draft: Draft, *, mailbox: Mailbox, author: Author, now: datetime) -> Composed:
    """The draft as an ACCEPTED message with recipients and sealed bytes; nothing is written yet.

    Raises Invalid when the message can't be put on the wire.
    """
    draft = _with_bodies(draft)
    placement = threads.find_parent_thread(mailbox, (draft.in_reply_to,)) if draft.in_reply_to else None
    message_pk = new_id()
    message = Message(
        id=message_pk,
        account_id=mailbox.account_id,
        mailbox=mailbox,
        thread=placement.thread if placement else threads.begin(mailbox, subject=draft.subject),
        direction=Direction.OUTBOUND,
        status=Status.ACCEPTED,
        message_id=build.make_message_id(mailbox.domain.name, message_pk.hex),
        in_reply_to=draft.in_reply_to,
        references=list(_references(draft, placement)),
        from_address=mailbox.full_address,
        from_name=mailbox.display_name,
        created_at=now,
        **_authored(author),
        **_asked(draft),
    )
    return _sealed(message, draft, made_by=author.actor.identity, is_first=placement is None, now=now)


def recompose(message: Message, draft: Draft, *, made_by: str, author: Author | None = None, now: datetime) -> Composed:
    """The same message as the draft has it now: its id, Message-ID, conversation and sender stay, its Date is `now`.

    Its first Date was of bytes that never left. A new `author` is whoever asked for it this time. The given message
    is left as it is, and nothing is written yet. Raises Invalid as `compose`.
    """
    draft = _with_bodies(draft)
    renewed = copy(message)
    renewed.current_version = message.current_version + 1
    for name, value in {**(_authored(author) if author else {}), **_asked(draft)}.items():
        setattr(renewed, name, value)
    return _sealed(renewed, draft, made_by=made_by, is_first=False, now=now)


def draft_of(message: Message, *, files: tuple[OutgoingFile, ...]) -> Draft:
    """What was asked, as the message has it now."""
    return Draft(
        mailbox_id=message.mailbox_id,
        to=tuple(message.to_addresses),
        cc=tuple(message.cc_addresses),
        bcc=tuple(message.bcc_addresses),
        subject=message.subject,
        body_text=message.body_text,
        body_html=message.body_html,
        reply_to=message.reply_to or None,
        in_reply_to=message.in_reply_to,
        headers=tuple(message.headers.items()),
        metadata=message.metadata,
        tags=tuple(message.tags or ()),
        files=files,
    )


def _authored(author: Author) -> dict[str, Any]:
    actor = author.actor
    return {"oversight_mode": author.mode, "agent": actor.agent, "member": actor.member, "key": actor.key}


def _asked(draft: Draft) -> dict[str, Any]:
    """The columns of a message that say what was asked."""
    return {
        "to_addresses": list(draft.to),
        "cc_addresses": list(draft.cc),
        "bcc_addresses": list(draft.bcc),
        "reply_to": draft.reply_to or "",
        "subject": draft.subject,
        "body_text": draft.body_text,
        "body_html": draft.body_html,
        "headers": dict(draft.headers),
        "metadata": dict(draft.metadata),
        "tags": list(draft.tags) or None,
        "has_attachments": bool(draft.files),
    }


def _sealed(message: Message, draft: Draft, *, made_by: str, is_first: bool, now: datetime) -> Composed:
    header_from = Address(message.from_address, message.from_name)
    references = tuple(message.references)
    raw = _build(draft, header_from=header_from, message_id=message.message_id, date=now, references=references)
    pairs = [(kind.value, address) for kind, address in draft.recipients()]
    return Composed(
        message=message,
        recipients=tuple(Recipient(message=message, address=address, kind=kind) for kind, address in pairs),
        raw=raw,
        seal=seal.seal(header_from=message.from_address, recipients=pairs, send_at=None, raw=raw),
        made_by=made_by,
        files=draft.files,
        is_first_of_thread=is_first,
    )


def storing(composed: Composed, *, is_shown: bool, now: datetime) -> Step:
    """Writes the message, its first revision and its recipients: a step of the statement that accepts.

    A thread that begins with it counts it at once if it is shown; for any other, `show` it after that.
    """
    return Step(STORED, _stored(composed, is_shown=is_shown, now=now))


def show(composed: Composed) -> None:
    """Count a stored message into the thread that it continues."""
    if not composed.is_first_of_thread:
        threads.show([composed.message])


def seal_of(message: Message, raw: bytes) -> str:
    """The seal over what would leave: header From, recipients with kind, and the bytes (architecture: "The seal")."""
    recipients = [(recipient.kind, recipient.address) for recipient in message.recipients.all()]
    return seal.seal(header_from=message.from_address, recipients=recipients, send_at=None, raw=raw)


def current_revision(message: Message) -> Revision:
    """The sealed bytes that would leave, or left."""
    return Revision.objects.get(message=message, version=message.current_version)


def current_seal(message: Message) -> str:
    """The seal of the current revision, without its bytes."""
    seals = Revision.objects.filter(message=message, version=message.current_version).values_list("seal", flat=True)
    return seals.get()


def seal_differs() -> Conflict:
    """What is said when the bytes, or what is shown of them, are not those that were looked at."""
    return Conflict("The message is not the one that was cleared.", code="seal_differs", fix="Review it again.")


def _with_bodies(draft: Draft) -> Draft:
    """Markdown becomes HTML, and is its own text where no other is given."""
    if draft.body_markdown is None:
        return draft
    return replace(
        draft,
        body_text=draft.body_text or draft.body_markdown,
        body_html=draft.body_html or markdown.to_html(draft.body_markdown),
        body_markdown=None,
    )


def _build(
    draft: Draft, *, header_from: Address, message_id: str, date: datetime, references: tuple[str, ...]
) -> bytes:
    try:
        raw = build.build(draft, header_from=header_from, message_id=message_id, date=date, references=references)
    except Refused as error:
        raise Invalid(error.sentence, code=error.code, fix="Correct it and send again.") from error
    if len(raw) > settings.MAX_MESSAGE_BYTES:
        raise Invalid(
            f"The message is larger than {settings.MAX_MESSAGE_BYTES} bytes.",
            code="message_too_large",
            fix="Send less.",
        )
    return raw


def _references(draft: Draft, placement: threads.Placement | None) -> tuple[str, ...]:
    if draft.in_reply_to is None:
        return ()
    if placement is None or placement.parent is None:
        return (draft.in_reply_to,)
    return conversation.references_for_reply(tuple(placement.parent.references), placement.parent.message_id)


def _stored(composed: Composed, *, is_shown: bool, now: datetime) -> dict[str, object]:
    message = composed.message
    return {
        "new_threads": as_json(_new_threads(composed, is_shown=is_shown, now=now)),
        "message": as_json(row_of(message)),
        "recipients": as_json([row_of(recipient) for recipient in composed.recipients]),
        "id": message.pk,
        "revision": new_id(),
        "raw": composed.raw,
        "seal": composed.seal,
        "shown": shown.digest(message, composed.files),
        "made_by": composed.made_by,
        "now": now,
    }


def _new_threads(composed: Composed, *, is_shown: bool, now: datetime) -> list[dict[str, object]]:
    message, thread = composed.message, composed.message.thread
    if thread is None or not composed.is_first_of_thread:
        return []
    thread.created_at = now
    if is_shown:
        thread.message_count, thread.participants, thread.last_message_at = 1, threads.people_of(message), now
    return [row_of(thread)]
