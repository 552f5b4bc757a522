"""Stored messages as they would be asked about again: with their files, and with the mode they were sent under."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import F

from mailboxes.models import Mailbox
from mailboxes.modes import OversightMode, stricter
from messaging.mime import structure
from messaging.mime.parse import parse
from messaging.models import Attachment, Message, Revision
from oversight.models import Evaluation
from oversight.policy.detect.material import FILE_BYTES, FileContent
from oversight.policy.types import File

from .answers import Setting
from .questions import Question


@dataclass(frozen=True, slots=True)
class Stored:
    question: Question
    setting: Setting


def read(messages: Sequence[Message], *, at: datetime | None) -> list[Stored]:
    """Each message with what stands beside it: four statements for all. With `at`, under the mode of today."""
    ids = [message.pk for message in messages]
    boxes = Mailbox.objects.select_related("account", "domain").in_bulk({message.mailbox_id for message in messages})
    modes = {} if at else _modes(ids)
    files = _files(ids)
    contents = _contents([message for message in messages if message.has_attachments])
    return [
        Stored(
            _question(message, files.get(message.pk, ()), at=at),
            _setting(
                message,
                boxes[message.mailbox_id],
                was=modes.get(message.pk),
                files=files.get(message.pk, ()),
                contents=contents.get(message.pk, ()),
            ),
        )
        for message in messages
    ]


def _question(message: Message, files: Sequence[File], *, at: datetime | None) -> Question:
    everybody = (*message.to_addresses, *message.cc_addresses, *message.bcc_addresses)
    return Question(
        message=message,
        recipients=tuple(dict.fromkeys(everybody)),
        file_hashes=tuple(file.sha256 for file in files),
        is_in_thread=message.thread_id is not None,
        at=at or message.created_at,
        is_past=at is None,
    )


def _setting(
    message: Message,
    mailbox: Mailbox,
    *,
    was: OversightMode | None,
    files: Sequence[File],
    contents: Sequence[FileContent],
) -> Setting:
    applied, of_mailbox = OversightMode(message.oversight_mode), was or OversightMode(mailbox.mode)
    mode = applied if was else stricter(applied, of_mailbox)
    return Setting(mode, mailbox, of_mailbox, tuple(files), tuple(contents))


def _modes(ids: Sequence[UUID]) -> dict[UUID, OversightMode]:
    """The mode that each message's mailbox had when it was first judged."""
    told = Evaluation.objects.filter(message__in=ids).order_by("-evaluated_at")  # the first stands last, and stays
    return {pk: OversightMode(mode) for pk, mode in told.values_list("message_id", "facts__mailbox_mode") if mode}


def _files(ids: Sequence[UUID]) -> Mapping[UUID, list[File]]:
    found: dict[UUID, list[File]] = {}
    for row in Attachment.objects.filter(message__in=ids).order_by("created_at", "id"):
        assert row.message_id is not None
        found.setdefault(row.message_id, []).append(File(row.filename, row.content_type, row.size_bytes, row.sha256))
    return found


def _contents(messages: Sequence[Message]) -> Mapping[UUID, list[FileContent]]:
    """What stands in the files of each, of their sealed bytes, no more of each than detectors look at."""
    if not messages:
        return {}
    current = Revision.objects.filter(message__in=messages, version=F("message__current_version"))
    return {pk: _parts(bytes(raw)) for pk, raw in current.values_list("message_id", "raw").iterator()}


def _parts(raw: bytes) -> list[FileContent]:
    found = structure.read(raw)
    content = {part.index: found.octets(part)[:FILE_BYTES] for part in found.leaves}
    return [FileContent(one.filename, content[one.index]) for one in parse(raw).attachments]
