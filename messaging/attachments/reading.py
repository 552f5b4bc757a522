"""The content of an attachment, as a file to be read from its beginning. Never inside of a transaction.

A received file is taken out of the raw message by the confined parser, a few at a time: the mail and the part are in
memory while that is done, and in a temporary file afterwards.
"""

from __future__ import annotations

import hashlib
import tempfile
import threading
from typing import IO

import structlog

from messaging.inbound import parser_process
from messaging.models import Attachment, RawMessage, StoredFile

from . import objects
from .refusals import StorageUnavailable

log = structlog.get_logger(__name__)

PARTS_AT_ONCE = 2
_taking_out = threading.BoundedSemaphore(PARTS_AT_ONCE)


def open_content(attachment: Attachment) -> IO[bytes]:
    """The content; close it. Raises StorageUnavailable."""
    if attachment.part_index is not None:
        return _part(attachment, attachment.part_index)
    stored = StoredFile.objects.filter(account_id=attachment.account_id, sha256=attachment.sha256)
    name = stored.values_list("name", flat=True).first()
    if name is None:  # deleted while we looked
        raise StorageUnavailable
    return objects.open_(name)


def content_of(attachment: Attachment) -> bytes:
    """The whole content in memory: for what is built of it at once."""
    with open_content(attachment) as content:
        return content.read()


def _part(attachment: Attachment, index: int) -> IO[bytes]:
    with _taking_out:
        raw = RawMessage.objects.filter(message=attachment.message).values_list("raw", flat=True).first()
        content = parser_process.attachment_content(bytes(raw), index) if raw is not None else None
        # The parser's own word is not enough: it has read a hostile mail, and an older version may have counted parts.
        if content is None or hashlib.sha256(content).hexdigest() != attachment.sha256:
            log.error("attachments.part_not_read", attachment=str(attachment.pk))
            raise StorageUnavailable
        return _in_temporary_file(content)


def _in_temporary_file(content: bytes) -> IO[bytes]:
    opened = tempfile.TemporaryFile(prefix="gatepost-")  # noqa: SIM115 - the caller closes it
    try:
        opened.write(content)
        opened.seek(0)
    except OSError as error:  # no room
        opened.close()
        raise StorageUnavailable from error
    return opened
