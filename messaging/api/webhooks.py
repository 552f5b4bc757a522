"""Webhooks: listed, made, changed, deleted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rest_framework.request import Request
from rest_framework.response import Response

from mailboxes import standing
from mailboxes.api import dangerous, idempotency
from mailboxes.api.base import ApiView, respond
from mailboxes.api.idempotency import Answer
from mailboxes.api.openapi import APPROVAL_CODE, IDEMPOTENCY_KEY, operation, path_id
from mailboxes.api.serializers import DeletedSerializer
from mailboxes.models import Scope
from messaging.webhooks import acts, changes, endpoints
from messaging.webhooks.changes import Change
from messaging.webhooks.endpoints import NewEndpoint

from .webhook_forms import WebhookChange, WebhookRequest
from .webhook_serializers import (
    CreatedWebhookAnswerSerializer,
    WebhookAnswerSerializer,
    WebhookListSerializer,
    in_clear,
    masked,
)

WEBHOOK_ID = path_id("id", "webhook")
MOST_LISTED = 1000


class Webhooks(ApiView):
    @operation("listWebhooks", tag="Webhooks", answers={200: WebhookListSerializer})
    def get(self, request: Request) -> Response:
        """The webhooks that the key reaches, oldest first. A scoped key sees those of its mailboxes only."""
        self.principal.require(Scope.READ)
        found = list(endpoints.visible(self.principal).order_by("created_at", "pk")[:MOST_LISTED])
        return Response(WebhookListSerializer({"webhooks": masked(found, now=self.now)}).data)

    @operation(
        "createWebhook",
        tag="Webhooks",
        request=WebhookRequest,
        parameters=[IDEMPOTENCY_KEY, APPROVAL_CODE],
        answers={201: CreatedWebhookAnswerSerializer},
        errors=(400, 403, 404, 409, 422),
    )
    def post(self, request: Request) -> Response:
        """A new webhook, active at once. Its secret and its headers' values are shown in this answer only.

        A host that does not resolve right now is accepted, and its deliveries fail until it does.
        """
        self.principal.require(Scope.SEND)
        account_id = self.principal.account.pk
        kept = idempotency.find(request, account_id=account_id)
        if kept is not None:  # a repetition asks no DNS
            return respond(kept)
        wanted = self._wanted(self.asked(WebhookRequest))
        return dangerous.perform(self, lambda: acts.make(wanted), lambda: self._create(wanted))

    def _wanted(self, asked: Mapping[str, Any]) -> NewEndpoint:
        standing.check_not_suspended(self.principal.account)
        mailbox_id = asked.get("mailboxId")
        return NewEndpoint(
            mailbox=self.principal.get_mailbox(mailbox_id) if mailbox_id is not None else None,
            url=endpoints.check_url(asked["url"]),
            events=asked["events"],
            headers=asked.get("headers") or {},
            tags=asked.get("tags") or (),
            is_ordered=asked.get("ordered", False),
        )

    def _create(self, wanted: NewEndpoint) -> Answer:
        endpoint, secret = endpoints.create(self.principal, wanted, now=self.now)
        told = CreatedWebhookAnswerSerializer({"webhook": in_clear(endpoint, now=self.now, secret=secret)})
        return Answer(201, told.data)


class OneWebhook(ApiView):
    @operation(
        "getWebhook", parameters=[WEBHOOK_ID], tag="Webhooks", answers={200: WebhookAnswerSerializer}, errors=(404,)
    )
    def get(self, request: Request, id: str) -> Response:
        """One webhook, its headers' values masked."""
        self.principal.require(Scope.READ)
        [told] = masked([endpoints.get(self.principal, id)], now=self.now)
        return Response(WebhookAnswerSerializer({"webhook": told}).data)

    @operation(
        "updateWebhook",
        parameters=[WEBHOOK_ID, APPROVAL_CODE],
        tag="Webhooks",
        request=WebhookChange,
        answers={200: WebhookAnswerSerializer},
        errors=(400, 403, 404),
    )
    def patch(self, request: Request, id: str) -> Response:
        """Change URL, events, tags, order, status or headers; the answer shows the headers' values.

        Headers are often credentials of the server they go to: with a URL of another server they are dropped, unless
        the same request sends them again. The secret stays. ACTIVE makes all that waits due at once.
        """
        self.principal.require(Scope.SEND)
        endpoint = endpoints.get(self.principal, id)
        asked = self.asked(WebhookChange)
        wanted = Change(
            url=endpoints.check_url(asked["url"]) if "url" in asked else None,
            events=asked.get("events"),
            status=asked.get("status"),
            headers=(asked["headers"] or {}) if "headers" in asked else None,
            tags=(asked["tags"] or ()) if "tags" in asked else None,
            is_ordered=asked.get("ordered"),
        )

        def do() -> Answer:
            changed = changes.change(self.principal, id, wanted, now=self.now)
            return Answer(200, WebhookAnswerSerializer({"webhook": in_clear(changed, now=self.now)}).data)

        return dangerous.perform(self, lambda: acts.change(endpoint, wanted), do)

    @operation(
        "deleteWebhook",
        parameters=[WEBHOOK_ID, APPROVAL_CODE],
        tag="Webhooks",
        answers={200: DeletedSerializer},
        errors=(403, 404),
    )
    def delete(self, request: Request, id: str) -> Response:
        """Delete a webhook with its deliveries. Works while the account is suspended, too."""
        self.principal.require(Scope.SEND)
        endpoint = endpoints.get(self.principal, id)

        def do() -> Answer:
            endpoints.delete(self.principal, id, now=self.now)
            return Answer(200, {"deleted": True})

        return dangerous.perform(self, lambda: acts.delete(endpoint), do)
