"""What is done with a webhook beside changing it: a new secret, a test delivery."""

from __future__ import annotations

from rest_framework.request import Request
from rest_framework.response import Response

from mailboxes.api import dangerous, idempotency
from mailboxes.api.base import ApiView, respond
from mailboxes.api.forms import Nothing
from mailboxes.api.idempotency import Answer
from mailboxes.api.openapi import APPROVAL_CODE, IDEMPOTENCY_KEY, operation
from mailboxes.models import Scope
from messaging.webhooks import acts, endpoints, pings, rotation

from .webhook_forms import RotationRequest
from .webhook_serializers import DeliveryAnswerSerializer, RotationAnswerSerializer, masked
from .webhooks import WEBHOOK_ID


class RotateSecret(ApiView):
    @operation(
        "rotateWebhookSecret",
        tag="Webhooks",
        request=RotationRequest,
        parameters=[WEBHOOK_ID, IDEMPOTENCY_KEY, APPROVAL_CODE],
        answers={200: RotationAnswerSerializer},
        errors=(400, 403, 404),
    )
    def post(self, request: Request, id: str) -> Response:
        """A new secret, shown in this answer only. The old one signs along for a day, or for `overlapHours`.

        Of two secrets that are live already the older is dropped, so rotate once, and again when all receivers have
        the new one. Works while the account is suspended, too.
        """
        self.principal.require(Scope.SEND)
        hours = self.asked(RotationRequest).get("overlapHours")
        return dangerous.perform(
            self,
            lambda: acts.rotate_secret(endpoints.get(self.principal, id), overlap_hours=hours),
            lambda: self._rotate(id, hours),
        )

    def _rotate(self, id: str, hours: int | None) -> Answer:
        endpoint, secret = rotation.rotate(self.principal, id, overlap_hours=hours, now=self.now)
        [told] = masked([endpoint], now=self.now)
        return Answer(200, RotationAnswerSerializer({"webhook": told, "secret": secret}).data)


class Ping(ApiView):
    @operation(
        "pingWebhook",
        tag="Webhooks",
        request=Nothing,
        parameters=[WEBHOOK_ID, IDEMPOTENCY_KEY],
        answers={202: DeliveryAnswerSerializer},
        errors=(400, 403, 404, 429),
    )
    def post(self, request: Request, id: str) -> Response:
        """Tell the webhook `webhook.pinged`, whatever it is subscribed to; no other webhook is told.

        The delivery is signed, retried and logged like any other. A webhook that is not ACTIVE is not pinged (409).
        """
        self.principal.require(Scope.SEND)
        self.asked(Nothing)
        account_id = self.principal.account.pk
        return respond(idempotency.once(request, account_id=account_id, act=lambda: self._ping(id)))

    def _ping(self, id: str) -> Answer:
        delivery = pings.ping(self.principal, id, now=self.now)
        return Answer(202, DeliveryAnswerSerializer({"delivery": delivery}).data)
