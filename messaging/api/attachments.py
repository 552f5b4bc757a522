"""Attachments: uploaded, told with a link to their content, deleted."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from mailboxes import standing
from mailboxes.api import idempotency
from mailboxes.api.base import ApiView, respond
from mailboxes.api.idempotency import Answer
from mailboxes.api.openapi import IDEMPOTENCY_KEY, operation, path_id
from mailboxes.api.serializers import DeletedSerializer
from messaging.attachments import access, deletion, signed_links, uploads
from messaging.attachments.incoming import Incoming
from messaging.attachments.uploads import Add

from . import multipart, withheld
from .serializers import AttachmentSerializer

ATTACHMENT_ID = path_id("id", "attachment")
UPLOAD = {
    "multipart/form-data": {
        "type": "object",
        "properties": {"file": {"type": "string", "format": "binary", "description": "One file, with its name."}},
        "required": ["file"],
        "additionalProperties": False,
    }
}


class UploadedSerializer(serializers.Serializer[Any]):
    """A file that waits to be sent: name its id in `attachments`."""

    id = serializers.UUIDField()
    filename = serializers.CharField(help_text="Made safe: without folders and control characters.")
    sizeBytes = serializers.IntegerField(source="size_bytes")


class DownloadSerializer(AttachmentSerializer):
    """A file with a link to its content."""

    url = serializers.URLField(help_text="Needs no key and is good for 24 hours: keep it secret.")


class Attachments(ApiView):
    @operation(
        "uploadAttachment",
        tag="Attachments",
        request=UPLOAD,
        answers={201: UploadedSerializer},
        errors=(400, 403, 409, 413, 422),
        parameters=[IDEMPOTENCY_KEY],
    )
    def post(self, request: Request) -> Response:
        """Upload one file, to be sent by its id. Needs a full-access key; the owner need not be verified yet.

        The same content is kept, and counted in your storage, once. A file that no message has after seven days
        (UNSENT_FILE_HOURS) is deleted.
        """
        self.principal.require_full_access()
        account = self.principal.account
        standing.check_not_suspended(account)
        with multipart.received(request) as file:
            answer = uploads.upload_within(account, file, commit=lambda add: self._once(file, add), now=self.now)
        return respond(answer)

    def _once(self, file: Incoming, add: Add) -> Answer:
        asked = {"sha256": file.sha256, "filename": file.filename, "contentType": file.content_type}
        account_id = self.principal.account.pk
        return idempotency.once(self.request, account_id=account_id, act=lambda: _told(add), content=asked)


class OneAttachment(ApiView):
    @operation(
        "downloadAttachment",
        tag="Attachments",
        answers={200: DownloadSerializer, 402: withheld.ANSWER},
        errors=(404,),
        parameters=[ATTACHMENT_ID],
    )
    def get(self, request: Request, id: str) -> Response:
        """One attachment, with a fresh link to its content. A scoped key sees those of its mailboxes' messages."""
        withheld.check_attachment(self.principal, id, now=self.now)
        found = access.get(self.principal, id)
        found.url = signed_links.url_of(found, now=self.now)  # type: ignore[attr-defined]  # for the serializer
        return Response(DownloadSerializer(found).data)

    @operation(
        "deleteAttachment",
        tag="Attachments",
        answers={200: DeletedSerializer},
        errors=(403, 404),
        parameters=[ATTACHMENT_ID],
    )
    def delete(self, request: Request, id: str) -> Response:
        """Delete an attachment; its storage is given back with the last one of its content.

        A message keeps its bytes: what was sent, or waits for a decision, is not changed by this.
        """
        deletion.delete(self.principal, id, now=self.now)
        return Response({"deleted": True})


def _told(add: Add) -> Answer:
    return Answer(201, dict(UploadedSerializer(add()).data))
