"""`GET /v1/access-log`: who called the API."""

from __future__ import annotations

from uuid import UUID

from drf_spectacular.utils import OpenApiParameter
from rest_framework.request import Request
from rest_framework.response import Response

from mailboxes import access_log
from mailboxes.api import pagination
from mailboxes.api.base import ApiView
from mailboxes.api.openapi import AFTER, LIMIT, operation
from mailboxes.api.serializers import CallListSerializer

ID = {"type": "string", "format": "uuid"}
SUBJECT = OpenApiParameter("subjectId", ID, description="Only calls whose address ended with this message, mailbox, ….")
KEY = OpenApiParameter("keyId", ID, description="Only calls with this key.")


class AccessLog(ApiView):
    @operation(
        "listCalls",
        tag="API keys",
        answers={200: CallListSerializer},
        errors=(400, 403),
        parameters=[SUBJECT, KEY, LIMIT, AFTER],
    )
    def get(self, request: Request) -> Response:
        """Calls of this API with the account's keys and sessions, newest first. Needs a full-access key.

        Kept for some weeks, as the operator set it; a call stands here about a second after its answer. What a call was
        about is told as a hash: ask with `subjectId` for the calls about one message or mailbox. Who was not let in
        does not stand here, nor does what happened: events tell that.
        """
        limit, after = pagination.limit(request), pagination.asked_cursor(request)
        found = access_log.of(self.principal, subject=self._id("subjectId"), key_id=self._id("keyId"))
        page = list((found.filter(after.behind("at", is_descending=True)) if after else found)[: limit + 1])
        cursor = pagination.next_cursor([(call.at, call.pk) for call in page], limit)
        return Response(CallListSerializer({"calls": page[:limit], "nextCursor": cursor and cursor.text()}).data)

    def _id(self, name: str) -> UUID | None:
        text = self.request.query_params.get(name)
        return None if text is None else pagination.identity(name, text)
