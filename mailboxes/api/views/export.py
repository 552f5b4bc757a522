"""The account as an archive, sent while it is made."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

from asgiref.sync import sync_to_async
from django.db import connection
from django.http import StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse
from rest_framework.request import Request

from mailboxes import export
from mailboxes.api.base import ApiView
from mailboxes.api.openapi import operation

KIND = "application/gzip"


class Pieces(StreamingHttpResponse):
    """Bytes from an iterator that asks the database: under WSGI one after the other, under ASGI each from a thread.

    Django's own would collect them all before the first one is sent.
    """

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self._from_threads(iter(self))

    async def _from_threads(self, pieces: Iterator[bytes]) -> AsyncIterator[bytes]:
        next_piece = sync_to_async(_next, thread_sensitive=False)
        while (piece := await next_piece(pieces)) is not None:
            yield piece


def _next(pieces: Iterator[bytes]) -> bytes | None:
    try:
        return next(pieces, None)
    finally:
        connection.close()  # this thread's: the next piece may come from another one


class AccountExport(ApiView):
    @operation(
        "exportAccount",
        tag="Account",
        answers={
            (200, KIND): OpenApiResponse(OpenApiTypes.BINARY, "A gzipped tar file, whole if it ends by manifest.json.")
        },
        errors=(403,),
    )
    def get(self, request: Request) -> Pieces:
        """Everything of the account as one archive (`.tar.gz`): JSON lines by table, and the mail as it came or left.

        Works while the account is suspended; needs a full-access key. `manifest.json` is the last member: where it is
        missing the archive was cut off.
        """
        pieces = export.begin(self.principal, now=self.now)
        name = f"gatepost-{self.principal.account.slug}-{self.now:%Y%m%d}.tar.gz"
        headers = {
            "Content-Disposition": f'attachment; filename="{name}"',
            "Cache-Control": "no-store",
            "X-Content-Type-Options": "nosniff",
        }
        return Pieces(pieces, content_type=KIND, headers=headers)
