"""A file as an answer of ours: to be saved, never to be shown or run on our origin."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import IO, Any

from asgiref.sync import sync_to_async
from csp.constants import HEADER as POLICY_HEADER
from django.http import FileResponse, HttpResponse
from django.http.response import HttpResponseBase
from django.utils.cache import get_conditional_response
from django.utils.http import content_disposition_header

from .incoming import UNKNOWN

HEADERS = {
    POLICY_HEADER: "default-src 'none'; sandbox",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "private",
}


class FileAnswer(FileResponse):
    """Streams by pieces under ASGI, too, where Django would read the whole file into memory first."""

    async def __aiter__(self) -> AsyncGenerator[bytes, None]:
        assert self.file_to_stream is not None
        read = sync_to_async(self.file_to_stream.read, thread_sensitive=False)
        while piece := await read(self.block_size):
            yield piece


def answer(content: IO[bytes], *, filename: str, content_type: str, etag: str) -> FileAnswer:
    """The whole file, under its name (RFC 6266)."""
    response = FileAnswer(
        content, as_attachment=True, filename=filename, content_type=content_type or UNKNOWN, headers=_headers(etag)
    )
    response.block_size = 64 * 1024
    return response


def whole(content: bytes, *, filename: str, content_type: str) -> HttpResponse:
    """The same for a content that is in memory, without an ETag."""
    disposition = content_disposition_header(True, filename) or "attachment"
    headers = {**HEADERS, "Content-Disposition": disposition}
    return HttpResponse(content, content_type=content_type or UNKNOWN, headers=headers)


def unchanged(request: Any, *, etag: str) -> HttpResponseBase | None:
    """A 304 for who has the file already, by its ETag."""
    found = get_conditional_response(request, etag=_quoted(etag))
    if found is None:
        return None
    for name, value in _headers(etag).items():
        found.headers[name] = value
    return found


def _headers(etag: str) -> dict[str, str]:
    return {**HEADERS, "ETag": _quoted(etag)}


def _quoted(etag: str) -> str:
    return f'"{etag}"'
