"""The files of a send: looked up, fetched where they are named by URL, and read into memory to be built into the mail.

Before any transaction: it waits for storage and for other people's servers.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack, closing
from datetime import datetime
from uuid import UUID

from django.conf import settings

from mailboxes.errors import Forbidden, Invalid
from mailboxes.principals import Principal
from messaging.mime.types import OutgoingFile
from messaging.models import Attachment

from . import access, fetching, incoming, reading, uploads
from .incoming import Incoming

Asked = UUID | tuple[str, str]

FIELD = "attachments"


def gather(actor: Principal, asked: Sequence[Asked], *, now: datetime) -> tuple[OutgoingFile, ...]:
    """The asked files in their order: each the id of an attachment, or a file name and a URL that is fetched once.

    Every one has a row of the account that is stored and may be linked or copied; those of URLs and of received mail
    are new and belong to no message. Nothing is stored unless all are there and fit. Raises Invalid, Forbidden (a
    scoped key and a file that is not in its scope), StorageFull or StorageUnavailable.
    """
    named = _checked(actor, asked)
    room = settings.MAX_FILES_SENT_BYTES - sum(file.size_bytes for file in named.values())
    with ExitStack() as opened:
        fetched = _fetch_all(asked, room=room, opened=opened)
        return tuple(
            _stored(actor, fetched[place], now=now) if isinstance(one, tuple) else _ready(actor, named[one], now=now)
            for place, one in enumerate(asked)
        )


def look(actor: Principal, asked: Sequence[UUID]) -> tuple[OutgoingFile, ...]:
    """As `gather`, of files that are here already; nothing is stored. For who only asks what would become of a send."""
    named = _checked(actor, asked)
    return tuple(_outgoing(named[one], reading.content_of(named[one])) for one in asked)


def too_large() -> Invalid:
    """What is said of files that are too much for one message."""
    return Invalid(
        f"The attachments have more than {settings.MAX_FILES_SENT_BYTES} bytes together.",
        code="attachments_too_large",
        fix="Send fewer or smaller files, or a link.",
        field=FIELD,
    )


def _checked(actor: Principal, asked: Sequence[Asked]) -> Mapping[UUID, Attachment]:
    """The files that are named by id, if all are there and fit."""
    _check_count(asked)
    named = _named(actor, [one for one in asked if isinstance(one, UUID)])
    _check_owned(actor, asked, named)
    if sum(file.size_bytes for file in named.values()) > settings.MAX_FILES_SENT_BYTES:
        raise too_large()
    return named


def _check_count(asked: Sequence[Asked]) -> None:
    if len(asked) > settings.MAX_FILES_SENT:
        sentence = f"A message has {settings.MAX_FILES_SENT} attachments at most."
        raise Invalid(sentence, code="too_many_attachments", fix="Send several messages.", field=FIELD)
    ids = [one for one in asked if isinstance(one, UUID)]
    if len(set(ids)) != len(ids):
        raise Invalid("An attachment is named twice.", code="attachment_twice", fix="Name it once.", field=FIELD)


def _named(actor: Principal, ids: Iterable[UUID]) -> Mapping[UUID, Attachment]:
    return {file.pk: file for file in access.reachable(actor).filter(pk__in=list(ids)).select_related("message")}


def _check_owned(actor: Principal, asked: Sequence[Asked], named: Mapping[UUID, Attachment]) -> None:
    for place, one in enumerate(asked):
        if isinstance(one, tuple) or one in named:
            continue
        field = f"{FIELD}[{place}]"
        if actor.mailbox_ids is not None and access.of_account(actor.account).filter(pk=one).exists():
            raise Forbidden(
                f"{field}: this key reaches only attachments of its mailboxes' messages.",
                code="attachment_out_of_scope",
                fix="Use a full-access key.",
                field=field,
            )
        raise Invalid(
            f"{field}: there is no such attachment in your account.",
            code="unknown_attachment",
            fix="Upload the file by POST /v1/attachments and name the id that it answers.",
            field=field,
        )


def _fetch_all(asked: Sequence[Asked], *, room: int, opened: ExitStack) -> dict[int, Incoming]:
    """The files that are named by URL, by their place; all of them within one time and one size."""
    until = time.monotonic() + fetching.SECONDS
    fetched: dict[int, Incoming] = {}
    for place, one in enumerate(asked):
        if isinstance(one, tuple):
            filename, url = one
            field = f"{FIELD}[{place}]"
            fetched[place] = fetching.fetch(url, filename=filename, field=field, room=room, until=until)
            opened.callback(fetched[place].close)
            room -= fetched[place].size_bytes
    return fetched


def _ready(actor: Principal, file: Attachment, *, now: datetime) -> OutgoingFile:
    content = reading.content_of(file)
    if file.part_index is None:
        return _outgoing(file, content)
    # A part of a received mail stays with it: what is sent on is stored like an upload.
    limit = settings.MAX_FILES_SENT_BYTES
    copy = incoming.of(content, filename=file.filename, content_type=file.content_type, limit=limit)
    with closing(copy):
        return _stored(actor, copy, now=now)


def _stored(actor: Principal, file: Incoming, *, now: datetime) -> OutgoingFile:
    attachment = uploads.upload(actor.account, file, now=now)
    file.content.seek(0)
    return _outgoing(attachment, file.content.read())


def _outgoing(file: Attachment, content: bytes) -> OutgoingFile:
    return OutgoingFile(file.pk, file.filename, file.content_type, content, file.sha256)
