"""What webhooks look like on the wire (contracts/robotomail.md, section 3)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rest_framework import serializers

from mailboxes.api.fields import Moment
from messaging.events import catalog
from messaging.models import DeliveryStatus, EndpointStatus, WebhookEndpoint
from messaging.webhooks import headers

NAMES = tuple(catalog.KINDS)


@dataclass(frozen=True, slots=True)
class EndpointFacts:
    """An endpoint with its headers as this answer may show them. `secret` in the answer to its making only."""

    endpoint: WebhookEndpoint
    headers: Mapping[str, str] | None
    secret: str = ""


class WebhookSerializer(serializers.Serializer[Any]):
    """A subscriber's URL. Header values are masked, but for those who have just written the webhook."""

    id = serializers.UUIDField(source="endpoint.pk")
    userId = serializers.CharField(source="endpoint.account_id")
    mailboxId = serializers.UUIDField(source="endpoint.mailbox_id", allow_null=True, help_text="null: all mailboxes.")
    url = serializers.CharField(source="endpoint.url")
    events = serializers.ListField(child=serializers.ChoiceField(choices=NAMES), source="endpoint.events")
    headers = serializers.DictField(child=serializers.CharField(), allow_null=True)
    status = serializers.ChoiceField(source="endpoint.status", choices=EndpointStatus.values)
    failureCount = serializers.IntegerField(source="endpoint.failure_count", help_text="Failed attempts in a row.")
    lastTriggeredAt = Moment(source="endpoint.last_triggered_at", allow_null=True)
    createdAt = Moment(source="endpoint.created_at")
    updatedAt = Moment(source="endpoint.updated_at")


class CreatedWebhookSerializer(WebhookSerializer):
    """A new webhook with the secret that signs its deliveries, shown this once."""

    secret = serializers.CharField(help_text="64 hexadecimal digits.")


class WebhookAnswerSerializer(serializers.Serializer[Any]):
    webhook = WebhookSerializer()


class CreatedWebhookAnswerSerializer(serializers.Serializer[Any]):
    webhook = CreatedWebhookSerializer()


class WebhookListSerializer(serializers.Serializer[Any]):
    webhooks = WebhookSerializer(many=True)


class DeliverySerializer(serializers.Serializer[Any]):
    """One event for one webhook, without what was said."""

    id = serializers.UUIDField(help_text="X-Robotomail-Delivery-Id, the same at each retry.")
    event = serializers.ChoiceField(choices=NAMES)
    responseStatus = serializers.IntegerField(source="response_status", allow_null=True)
    status = serializers.ChoiceField(choices=DeliveryStatus.values)
    attempts = serializers.IntegerField()
    nextRetryAt = Moment(source="next_retry_at", allow_null=True)
    createdAt = Moment(source="created_at")


class DeliveryListSerializer(serializers.Serializer[Any]):
    deliveries = DeliverySerializer(many=True)


def masked(endpoint: WebhookEndpoint) -> EndpointFacts:
    """As everybody who may see the webhook is shown it."""
    return EndpointFacts(endpoint, headers.masked(endpoint.headers) or None)


def in_clear(endpoint: WebhookEndpoint, *, secret: str = "") -> EndpointFacts:
    """As whoever has just written it is shown it."""
    return EndpointFacts(endpoint, headers.unseal(endpoint.headers) or None, secret)
