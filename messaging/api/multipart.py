"""One file out of a multipart body: hashed while it is read, never whole in memory, refused where it is too large."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import structlog
from django.conf import settings
from django.core.files.uploadhandler import FileUploadHandler
from django.http.multipartparser import MultiPartParser, MultiPartParserError
from django.http.request import UnreadablePostError
from rest_framework.request import Request

from mailboxes.errors import Invalid
from messaging.attachments.incoming import Incoming, Intake
from messaging.attachments.refusals import FileTooLarge, StorageUnavailable

log = structlog.get_logger(__name__)

PART = "file"
# Boundaries and headers beside the one file.
FRAMING_BYTES = 64 * 1024
FIX = f"Send multipart/form-data with one part named '{PART}' that has a filename."


@contextmanager
def received(request: Request) -> Iterator[Incoming]:
    """The file of the request, for as long as it is looked at. Raises Invalid or FileTooLarge."""
    _check_length(request)
    handler = _Handler(limit=settings.MAX_FILE_BYTES)
    try:
        fields = _read(request, handler)
        if handler.file is None or fields or handler.names != [PART]:
            raise _wrong_parts(fields, handler.names)
        yield handler.file
    finally:
        handler.close()


def _check_length(request: Request) -> None:
    """Refuse by what the request announces, before any of it is read."""
    announced = request.META.get("CONTENT_LENGTH") or "0"
    if announced.isdigit() and int(announced) > settings.MAX_FILE_BYTES + FRAMING_BYTES:
        raise FileTooLarge(settings.MAX_FILE_BYTES)


def _read(request: Request, handler: _Handler) -> list[str]:
    """Reads the body into the handler; the names of parts without a filename."""
    if not (request.content_type or "").lower().startswith("multipart/form-data") or request.stream is None:
        return []
    try:
        fields, _ = _Parser(request.META, request.stream, [handler], "utf-8").parse()
    except MultiPartParserError as error:
        raise _malformed(str(error)) from error
    except UnreadablePostError:
        raise  # the client is gone
    except OSError as error:  # no room for the temporary file
        log.error("attachments.not_taken_in", error=repr(error))
        raise StorageUnavailable from error
    return list(fields)


def _wrong_parts(fields: Sequence[str], files: Sequence[str]) -> Invalid:
    other = next((name[:80] for name in (*fields, *files) if name != PART), None)
    if other is not None:
        return Invalid(f"A part '{other}' has no place here.", code="unknown_field", fix=FIX, field=other, nearest=PART)
    if fields:
        return Invalid("The part has no filename, so it is no file.", code="missing_field", fix=FIX, field=PART)
    if files:
        return Invalid("There is more than one file.", code="invalid_field", fix="Upload them one by one.", field=PART)
    return Invalid("There is no file in the request.", code="missing_field", fix=FIX, field=PART)


def _malformed(why: str) -> Invalid:
    return Invalid(f"The multipart body can't be read: {why}", code="malformed_multipart", fix=FIX)


class _Parser(MultiPartParser):
    def sanitize_file_name(self, file_name: str) -> str:
        return file_name  # made safe when its type is known, too (`file_names`); "&amp;" in a name is no entity


class _Handler(FileUploadHandler):
    """Takes the first part named `file`; of all parts with a filename their names."""

    def __init__(self, *, limit: int) -> None:
        super().__init__()
        self.file: Incoming | None = None
        self.names: list[str] = []
        self._limit = limit
        self._intake: Intake | None = None

    def new_file(self, *args: Any, **kwargs: Any) -> None:
        super().new_file(*args, **kwargs)
        self.names.append(str(self.field_name))
        if self.names == [PART]:
            self._intake = Intake(limit=self._limit)

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        if self._intake is not None and self.file is None:
            self._intake.add(raw_data)

    def file_complete(self, file_size: int) -> None:
        if self._intake is not None and self.file is None:
            self.file = self._intake.done(filename=self.file_name or "", content_type=self.content_type or "")

    def upload_interrupted(self) -> None:
        raise _malformed("it ends in the middle.")

    def close(self) -> None:
        if self._intake is not None:
            self._intake.close()
