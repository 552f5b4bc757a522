"""What became of a webhook's deliveries, and telling them once more."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from drf_spectacular.utils import OpenApiParameter
from rest_framework.request import Request
from rest_framework.response import Response

from mailboxes.api import idempotency, pagination
from mailboxes.api.base import ApiView, respond
from mailboxes.api.forms import Nothing
from mailboxes.api.idempotency import Answer
from mailboxes.api.openapi import AFTER, IDEMPOTENCY_KEY, operation, path_id
from mailboxes.models import Scope
from messaging.models import DeliveryStatus
from messaging.webhooks import deliveries, endpoints, redelivery
from messaging.webhooks.redelivery import Range

from .webhook_forms import FAILED, RedeliveryRequest
from .webhook_serializers import (
    DeliveryAnswerSerializer,
    DeliveryDetailAnswerSerializer,
    DeliveryListSerializer,
    RedeliveredSerializer,
)
from .webhooks import WEBHOOK_ID

SHOWN = 20
DELIVERY_ID = path_id("deliveryId", "delivery")
LIMIT = OpenApiParameter("limit", {"type": "integer", "minimum": 1, "maximum": pagination.MAX_LIMIT, "default": SHOWN})
STATUS = OpenApiParameter("status", {"type": "string", "enum": DeliveryStatus.values})


class Deliveries(ApiView):
    @operation(
        "listWebhookDeliveries",
        parameters=[WEBHOOK_ID, STATUS, LIMIT, AFTER],
        tag="Webhooks",
        answers={200: DeliveryListSerializer},
        errors=(400, 404),
    )
    def get(self, request: Request, id: str) -> Response:
        """Deliveries, newest first, 20 where nothing else is asked, without what was said."""
        self.principal.require(Scope.READ)
        endpoint = endpoints.get(self.principal, id)
        limit, after = pagination.limit(request, default=SHOWN), pagination.asked_cursor(request)
        asked = deliveries.of(endpoint, status=pagination.choice(request, "status", DeliveryStatus.values))
        if after is not None:
            asked = asked.filter(after.behind("created_at", is_descending=True))
        found = list(asked[: limit + 1])
        cursor = pagination.next_cursor([(row.created_at, row.pk) for row in found], limit)
        told = {"deliveries": found[:limit], "nextCursor": cursor and cursor.text()}
        return Response(DeliveryListSerializer(told).data)


class OneDelivery(ApiView):
    @operation(
        "getWebhookDelivery",
        parameters=[WEBHOOK_ID, DELIVERY_ID],
        tag="Webhooks",
        answers={200: DeliveryDetailAnswerSerializer},
        errors=(404,),
    )
    def get(self, request: Request, id: str, deliveryId: str) -> Response:
        """One delivery with each of its attempts, and its body as it would be sent now."""
        self.principal.require(Scope.READ)
        told = deliveries.tell(endpoints.get(self.principal, id), deliveryId, now=self.now)
        return Response(DeliveryDetailAnswerSerializer({"delivery": told}).data)


class RedeliverOne(ApiView):
    @operation(
        "redeliverWebhookDelivery",
        tag="Webhooks",
        request=Nothing,
        parameters=[WEBHOOK_ID, DELIVERY_ID, IDEMPOTENCY_KEY],
        answers={202: DeliveryAnswerSerializer},
        errors=(400, 403, 404),
    )
    def post(self, request: Request, id: str, deliveryId: str) -> Response:
        """Send a delivery once more under the same id, also one that was delivered, with a schedule of its own.

        While the webhook is PAUSED or FAILED it waits for ACTIVE.
        """
        self.principal.require(Scope.SEND)
        self.asked(Nothing)
        account_id = self.principal.account.pk
        act = lambda: self._redeliver(id, deliveryId)  # noqa: E731 - as short as a function can be
        return respond(idempotency.once(request, account_id=account_id, act=act))

    def _redeliver(self, id: str, delivery_id: str) -> Answer:
        delivery = redelivery.redeliver(self.principal, id, delivery_id, now=self.now)
        return Answer(202, DeliveryAnswerSerializer({"delivery": delivery}).data)


class RedeliverRange(ApiView):
    @operation(
        "redeliverWebhookEvents",
        tag="Webhooks",
        request=RedeliveryRequest,
        parameters=[WEBHOOK_ID, IDEMPOTENCY_KEY],
        answers={202: RedeliveredSerializer},
        errors=(400, 403, 404, 410),
    )
    def post(self, request: Request, id: str) -> Response:
        """Send what a range of the event log says once more, each event under the delivery id that it had.

        With ALL also what was delivered, and what has no delivery yet: from before there was this webhook, or from
        before it was subscribed to it. A call looks at 10,000 events at most; go on from `cursor` while `hasMore`.
        """
        self.principal.require(Scope.SEND)
        asked = self.asked(RedeliveryRequest)
        account_id = self.principal.account.pk
        return respond(idempotency.once(request, account_id=account_id, act=lambda: self._redeliver(id, asked)))

    def _redeliver(self, id: str, asked: Mapping[str, Any]) -> Answer:
        kinds = asked.get("types")
        wanted = Range(
            after=asked.get("after"),
            until=asked.get("until"),
            is_failed_only=asked["status"] == FAILED,
            kinds=frozenset(kinds) if kinds is not None else None,
        )
        come_to = redelivery.redeliver_range(self.principal, id, wanted, now=self.now)
        told = {"count": come_to.count, "hasMore": come_to.has_more, "cursor": come_to.cursor}
        return Answer(202, RedeliveredSerializer(told).data)
