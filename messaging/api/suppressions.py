"""Suppressions: addresses that the account does not write to."""

from __future__ import annotations

from drf_spectacular.utils import OpenApiParameter
from rest_framework.request import Request
from rest_framework.response import Response

from mailboxes.api import idempotency, pagination
from mailboxes.api.base import ApiView, respond
from mailboxes.api.idempotency import Answer
from mailboxes.api.openapi import AFTER, IDEMPOTENCY_KEY, operation, path_id
from mailboxes.api.serializers import DeletedSerializer
from messaging.recipients import suppressions

from .forms import SuppressionRequest
from .suppression_serializers import SuppressionAnswerSerializer, SuppressionListSerializer

# A page without `limit` is a full one, for callers that know of no pages.
LIMIT = OpenApiParameter(
    "limit", {"type": "integer", "minimum": 1, "maximum": pagination.MAX_LIMIT, "default": pagination.MAX_LIMIT}
)


class Suppressions(ApiView):
    @operation(
        "listSuppressions",
        tag="Suppressions",
        parameters=[LIMIT, AFTER],
        answers={200: SuppressionListSerializer},
        errors=(400, 403),
    )
    def get(self, request: Request) -> Response:
        """The addresses that are not written to, newest first. Needs a full-access key."""
        self.principal.require_full_access()
        limit, after = pagination.limit(request, default=pagination.MAX_LIMIT), pagination.asked_cursor(request)
        asked = suppressions.of_account(self.principal)
        if after is not None:
            asked = asked.filter(after.behind("created_at", is_descending=True))
        found = list(asked[: limit + 1])
        cursor = pagination.next_cursor([(row.created_at, row.pk) for row in found], limit)
        told = {"suppressions": found[:limit], "nextCursor": cursor and cursor.text()}
        return Response(SuppressionListSerializer(told).data)

    @operation(
        "createSuppression",
        tag="Suppressions",
        request=SuppressionRequest,
        parameters=[IDEMPOTENCY_KEY],
        answers={201: SuppressionAnswerSerializer},
        errors=(400, 403, 409, 422),
    )
    def post(self, request: Request) -> Response:
        """Do not write to an address any more. Works while the account is suspended, too."""
        self.principal.require_full_access()
        email = self.asked(SuppressionRequest)["email"]
        account_id = self.principal.account.pk
        return respond(idempotency.once(request, account_id=account_id, act=lambda: self._add(email)))

    def _add(self, email: str) -> Answer:
        row = suppressions.add_by_hand(self.principal, email, now=self.now)
        return Answer(201, SuppressionAnswerSerializer({"suppression": row}).data)


class OneSuppression(ApiView):
    @operation(
        "deleteSuppression",
        parameters=[path_id("id", "suppression")],
        tag="Suppressions",
        answers={200: DeletedSerializer},
        errors=(403, 404),
    )
    def delete(self, request: Request, id: str) -> Response:
        """Write to the address again, from now on. Mail that failed because of it stays failed."""
        self.principal.require_full_access()
        suppressions.remove(self.principal, id, now=self.now)
        return Response({"deleted": True})
