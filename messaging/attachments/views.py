"""`/files/<token>/<name>`: a file for whoever has its link."""

from __future__ import annotations

from uuid import UUID

from django.http.response import HttpResponseBase
from rest_framework.request import Request

from mailboxes.api.base import OpenView
from mailboxes.models import Mailbox
from messaging.models import Attachment

from . import reading, serving, signed_links


class Download(OpenView):
    """The token alone says which file. What stands behind it in the address is for whoever saves the file."""

    schema = None

    def get(self, request: Request, token: str, filename: str) -> HttpResponseBase:
        found = _attachment(signed_links.attachment_id(token, now=self.now))
        unchanged = serving.unchanged(request._request, etag=found.sha256)
        if unchanged is not None:
            return unchanged
        content = reading.open_content(found)
        return serving.answer(content, filename=found.filename, content_type=found.content_type, etag=found.sha256)


def _attachment(attachment_id: UUID) -> Attachment:
    gone = Mailbox.objects.filter(deleted_at__isnull=False)
    found = Attachment.objects.filter(pk=attachment_id).exclude(message__mailbox__in=gone).first()
    if found is None:
        raise signed_links.unknown()
    return found
