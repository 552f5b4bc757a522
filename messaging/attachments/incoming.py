"""A file on its way in: a name and a type that are safe to keep, its content, what it is."""

from __future__ import annotations

import hashlib
import mimetypes
import re
import tempfile
from dataclasses import dataclass
from typing import IO

from messaging.mime import file_names

from .refusals import FileTooLarge

UNKNOWN = "application/octet-stream"
MEDIA_TYPE = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]{0,126}/[a-z0-9][a-z0-9!#$&^_.+-]{0,126}")
# Types of MIME's own structure: such a part would not be a file any more.
STRUCTURE = ("multipart/", "message/")
_TYPES = mimetypes.MimeTypes()


@dataclass(frozen=True, slots=True)
class Incoming:
    """A file that was taken in whole. `content` is a temporary file of ours, gone when it is closed."""

    filename: str
    content_type: str
    content: IO[bytes]
    size_bytes: int
    sha256: str

    def close(self) -> None:
        self.content.close()


class Intake:
    """Takes a content in, piece by piece: to a temporary file, never whole into memory. `limit` is in bytes."""

    def __init__(self, *, limit: int) -> None:
        self._limit = limit
        self._digest = hashlib.sha256()
        self._size = 0
        self._content: IO[bytes] = tempfile.TemporaryFile(prefix="gatepost-")  # noqa: SIM115 - lives until `close`

    def add(self, piece: bytes) -> None:
        """Take the next piece. Raises FileTooLarge for the first byte that is too many, and keeps nothing then."""
        self._size += len(piece)
        if self._size > self._limit:
            self.close()
            raise FileTooLarge(self._limit)
        self._digest.update(piece)
        self._content.write(piece)

    def done(self, *, filename: str, content_type: str) -> Incoming:
        """The file, under a safe name."""
        name = file_names.safe(filename, content_type=_media_type(content_type))
        self._content.seek(0)
        return Incoming(name, type_of(content_type, name), self._content, self._size, self._digest.hexdigest())

    def close(self) -> None:
        self._content.close()


def of(content: bytes, *, filename: str, content_type: str, limit: int) -> Incoming:
    """A file whose content is at hand."""
    intake = Intake(limit=limit)
    intake.add(content)
    return intake.done(filename=filename, content_type=content_type)


def type_of(declared: str, filename: str) -> str:
    """The declared media type, without parameters; what the name's ending stands for where none is declared."""
    media_type = _media_type(declared)
    if media_type in ("", UNKNOWN):
        media_type = _media_type(_TYPES.guess_type(filename)[0] or "")
    return UNKNOWN if not media_type or media_type.startswith(STRUCTURE) else media_type


def _media_type(declared: str) -> str:
    written = declared.partition(";")[0].strip().lower()
    return written if MEDIA_TYPE.fullmatch(written) else ""
