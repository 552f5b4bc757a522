"""From the JSON of a send to a draft, and then to one with its files."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

from mailboxes.api import reading
from mailboxes.errors import Invalid, Problem
from mailboxes.principals import Principal
from messaging.attachments import outgoing
from messaging.mime import conversation, headers
from messaging.mime.refusals import Refused
from messaging.mime.types import Draft
from oversight import sender
from oversight.decisions import Changes

from .forms import AskedFile, RecipientsOnly, SendRequest

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class Drafted:
    """The draft without its files; which files were asked for; the custom headers that are not the caller's to set."""

    draft: Draft
    asked_files: tuple[AskedFile, ...]
    dropped_headers: tuple[str, ...]


def read(data: Mapping[str, Any], *, mailbox_id: UUID, actor: Principal, now: datetime) -> Drafted:
    """The draft that was asked for.

    Raises the first problem in the order sender, recipients, fields: whoever may not send at all is told that, and not
    that a comma is wrong.
    """
    try:
        return _draft(reading.read(SendRequest, data), mailbox_id=mailbox_id)
    except Problem:
        sender.get(actor, mailbox_id, now=now).check()
        asked = reading.read(RecipientsOnly, data)
        recipients = [address for addresses in asked.values() for address in addresses or ()]
        sender.get(actor, mailbox_id, recipients=recipients, now=now).check_recipients()
        raise


def with_files(drafted: Drafted, *, actor: Principal, now: datetime) -> Draft:
    """The draft with the content of its files, from storage or fetched from where they lie.

    Call it outside of any transaction: it may wait for others. Nothing is fetched for who may not send, or not there.
    """
    draft = drafted.draft
    if not drafted.asked_files:
        return draft
    recipients = [address for _, address in draft.recipients()]
    who = sender.get(actor, draft.mailbox_id, recipients=recipients, now=now)
    who.check()
    who.check_recipients()
    who.check_limits(sender.amount_of(draft), now=now)
    files = outgoing.gather(actor, [asked.source for asked in drafted.asked_files], now=now)
    shown = zip(files, drafted.asked_files, strict=True)
    return replace(
        draft, files=tuple(replace(one, content_id=asked.content_id or one.content_id) for one, asked in shown)
    )


def changes(asked: Mapping[str, Any]) -> Changes:
    """What an EditRequest changes; null leaves a field as it is."""
    to, cc, bcc = (None if asked.get(name) is None else tuple(asked[name]) for name in ("to", "cc", "bcc"))
    return Changes(
        to=to,
        cc=cc,
        bcc=bcc,
        subject=asked.get("subject"),
        text=asked.get("bodyText"),
        html=asked.get("bodyHtml"),
    )


def with_files_here(drafted: Drafted, *, actor: Principal) -> Draft:
    """The draft with the content of its files, for a dry run: nothing is fetched, and nothing stored."""
    ids = [asked.source for asked in drafted.asked_files if isinstance(asked.source, UUID)]
    if len(ids) < len(drafted.asked_files):
        raise Invalid(
            "A dry run fetches nothing.",
            code="not_in_dry_run",
            fix="Upload the file by POST /v1/attachments and name its id.",
            field=outgoing.FIELD,
        )
    return replace(drafted.draft, files=outgoing.look(actor, ids))


def _draft(asked: Mapping[str, Any], *, mailbox_id: UUID) -> Drafted:
    kept, dropped = _field("headers", lambda: headers.filter_headers(asked.get("headers") or {}))
    parent = asked.get("inReplyTo")
    draft = Draft(
        mailbox_id=mailbox_id,
        to=tuple(asked["to"]),
        cc=tuple(asked.get("cc") or ()),
        bcc=tuple(asked.get("bcc") or ()),
        subject=_field("subject", lambda: headers.check_subject(asked["subject"])),
        body_text=asked.get("bodyText") or "",
        body_html=asked.get("bodyHtml") or None,
        body_markdown=asked.get("bodyMarkdown"),
        reply_to=asked.get("replyTo"),
        in_reply_to=_field("inReplyTo", lambda: conversation.check_message_id(parent)) if parent else None,
        headers=kept,
        metadata=asked.get("metadata") or {},
        tags=tuple(dict.fromkeys(asked.get("tags") or ())),
        oversight_mode=asked.get("oversightMode"),
        provenance=asked.get("provenance"),
        trigger_id=asked.get("triggerId"),
    )
    return Drafted(draft, tuple(asked.get("attachments") or ()), dropped)


def _field(name: str, check: Callable[[], Value]) -> Value:
    try:
        return check()
    except Refused as refused:
        raise Invalid(
            f"{name}: {refused.sentence}", code=refused.code, fix=f"Correct '{name}' and send again.", field=name
        ) from refused
