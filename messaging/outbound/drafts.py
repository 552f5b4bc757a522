"""From what was asked to a sealed message."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from django.conf import settings

from mailboxes.errors import Invalid
from mailboxes.ids import new_id
from mailboxes.models import Mailbox
from mailboxes.principals import Principal
from messaging import threads
from messaging.mime import build, conversation, markdown, seal
from messaging.mime.refusals import Refused
from messaging.mime.types import Address, Draft
from messaging.models import Direction, Message, Recipient, Revision, Status


@dataclass(frozen=True, slots=True)
class Author:
    """Who a draft comes from, and under which mode it was asked."""

    actor: Principal
    mode: str


def create(draft: Draft, *, mailbox: Mailbox, author: Author, now: datetime) -> Message:
    """Store the draft as an ACCEPTED message with recipients and its first sealed revision.

    Raises Invalid when the message can't be put on the wire. Lives inside the accept transaction.
    """
    draft = _with_bodies(draft)
    parents = (draft.in_reply_to,) if draft.in_reply_to else ()
    placement = threads.place(mailbox, references=parents, subject=draft.subject, sender=None, now=now)
    references = _references(draft, placement)
    message_pk = new_id()
    message_id = build.make_message_id(mailbox.domain.name, message_pk.hex)
    header_from = Address(mailbox.full_address, mailbox.display_name)
    raw = _build(draft, header_from=header_from, message_id=message_id, date=now, references=references)
    message = Message.objects.create(
        id=message_pk,
        account_id=mailbox.account_id,
        mailbox=mailbox,
        thread=placement.thread,
        direction=Direction.OUTBOUND,
        status=Status.ACCEPTED,
        oversight_mode=author.mode,
        agent=author.actor.agent,
        member=author.actor.member,
        key=author.actor.key,
        message_id=message_id,
        in_reply_to=draft.in_reply_to,
        references=list(references),
        from_address=header_from.address,
        from_name=header_from.name,
        to_addresses=list(draft.to),
        cc_addresses=list(draft.cc),
        bcc_addresses=list(draft.bcc),
        reply_to=draft.reply_to or "",
        subject=draft.subject,
        body_text=draft.body_text,
        body_html=draft.body_html,
        headers=dict(draft.headers),
        metadata=dict(draft.metadata),
        quota_taken_at=now,
        created_at=now,
    )
    _seal(message, draft, raw=raw, made_by=author.actor.identity, now=now)
    return message


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


def _references(draft: Draft, placement: threads.Placement) -> tuple[str, ...]:
    if draft.in_reply_to is None:
        return ()
    if placement.parent is None:
        return (draft.in_reply_to,)
    return conversation.references_for_reply(tuple(placement.parent.references), placement.parent.message_id)


def _seal(message: Message, draft: Draft, *, raw: bytes, made_by: str, now: datetime) -> None:
    recipients = draft.recipients()
    Recipient.objects.bulk_create(
        [Recipient(message=message, address=address, kind=kind.value) for kind, address in recipients]
    )
    pairs = [(kind.value, address) for kind, address in recipients]
    Revision.objects.create(
        message=message,
        version=1,
        raw=raw,
        seal=seal.seal(header_from=message.from_address, recipients=pairs, send_at=None, raw=raw),
        made_by=made_by,
        created_at=now,
    )
