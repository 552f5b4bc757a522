"""What webhooks look like on the wire (contracts/robotomail.md, section 3)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from rest_framework import serializers

from mailboxes.api.fields import Moment, NextCursor
from messaging.events import catalog
from messaging.models import EVERYTHING, DeliveryStatus, EndpointStatus, WebhookEndpoint
from messaging.webhooks import headers, lines
from messaging.webhooks.deliveries import Told
from messaging.webhooks.lines import Line

KINDS = tuple(catalog.KINDS)


@dataclass(frozen=True, slots=True)
class EndpointFacts:
    """An endpoint with its line, and with its headers as this answer may show them.

    `secret` in the answer to its making only. `previous_until` is told while the old secret still signs.
    """

    endpoint: WebhookEndpoint
    headers: Mapping[str, str] | None
    line: Line
    previous_until: datetime | None
    secret: str = ""


class WebhookSerializer(serializers.Serializer[Any]):
    """A subscriber's URL. Header values are masked, but for those who have just written the webhook."""

    id = serializers.UUIDField(source="endpoint.pk")
    userId = serializers.CharField(source="endpoint.account_id")
    mailboxId = serializers.UUIDField(source="endpoint.mailbox_id", allow_null=True, help_text="null: all mailboxes.")
    url = serializers.CharField(source="endpoint.url")
    events = serializers.ListField(
        child=serializers.ChoiceField(choices=(*KINDS, EVERYTHING)), source="endpoint.events"
    )
    tags = serializers.ListField(
        child=serializers.CharField(), source="endpoint.tags", help_text="Empty: events about any message."
    )
    ordered = serializers.BooleanField(source="endpoint.is_ordered", help_text="One at a time, in the log's order.")
    headers = serializers.DictField(child=serializers.CharField(), allow_null=True)
    status = serializers.ChoiceField(source="endpoint.status", choices=EndpointStatus.values)
    failureCount = serializers.IntegerField(source="endpoint.failure_count", help_text="Failed attempts in a row.")
    failingSince = Moment(
        source="endpoint.failing_since", allow_null=True, help_text="The first failure of those in a row."
    )
    pendingCount = serializers.IntegerField(
        source="line.waiting",
        help_text=f"Deliveries that wait or are under way; not counted beyond {lines.MOST_COUNTED}.",
    )
    waitingSince = Moment(
        source="line.head_at", allow_null=True, help_text="When the head of the line was made; ordered webhooks only."
    )
    lastTriggeredAt = Moment(source="endpoint.last_triggered_at", allow_null=True)
    secretRotatedAt = Moment(source="endpoint.secret_at", help_text="When the present secret was made.")
    previousSecretUntil = Moment(
        source="previous_until",
        allow_null=True,
        help_text="So long the secret before it signs along; null: it does not.",
    )
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


class RotationAnswerSerializer(serializers.Serializer[Any]):
    webhook = WebhookSerializer()
    secret = serializers.CharField(help_text="64 hexadecimal digits, shown this once.")


class DeliverySerializer(serializers.Serializer[Any]):
    """One event for one webhook, without what was said."""

    id = serializers.UUIDField(help_text="X-Robotomail-Delivery-Id, the same at each retry.")
    event = serializers.ChoiceField(choices=KINDS)
    eventId = serializers.UUIDField(source="event_id", help_text="webhook-id, and a cursor of the log.")
    responseStatus = serializers.IntegerField(source="response_status", allow_null=True)
    code = serializers.CharField(help_text="Why the last attempt had no answer, or why it is none; else empty.")
    status = serializers.ChoiceField(choices=DeliveryStatus.values)
    attempts = serializers.IntegerField(help_text="All there were, also before a redelivery.")
    attemptedAt = Moment(source="attempted_at", allow_null=True, help_text="The last attempt.")
    nextRetryAt = Moment(source="next_retry_at", allow_null=True)
    createdAt = Moment(source="created_at")


class DeliveryListSerializer(serializers.Serializer[Any]):
    deliveries = DeliverySerializer(many=True)
    nextCursor = NextCursor()


class DeliveryAnswerSerializer(serializers.Serializer[Any]):
    delivery = DeliverySerializer()


class TrySerializer(serializers.Serializer[Any]):
    """One POST, written down when it was over."""

    number = serializers.IntegerField()
    startedAt = Moment(source="started_at")
    durationMs = serializers.IntegerField(source="duration_ms")
    responseStatus = serializers.IntegerField(source="response_status", allow_null=True)
    code = serializers.CharField(help_text="Why there was no answer, or why it is none; else empty.")


class DeliveryDetailSerializer(DeliverySerializer):
    """One event for one webhook, with each attempt and with what is said."""

    tries = TrySerializer(many=True)
    payload = serializers.DictField(
        allow_null=True, help_text="The body as it would be sent now; null: it would not be told any more."
    )

    def to_representation(self, instance: Told) -> dict[str, Any]:
        told = DeliverySerializer(instance.delivery).data
        return {**told, "tries": TrySerializer(instance.tries, many=True).data, "payload": instance.payload}


class DeliveryDetailAnswerSerializer(serializers.Serializer[Any]):
    delivery = DeliveryDetailSerializer()


class RedeliveredSerializer(serializers.Serializer[Any]):
    """What a range of the log came to."""

    count = serializers.IntegerField(help_text="Deliveries that are due now because of this.")
    hasMore = serializers.BooleanField(help_text="Whether the range goes on behind `cursor`.")
    cursor = serializers.CharField(help_text="The last event that was looked at: `after` of the next call.")


def masked(found: Sequence[WebhookEndpoint], *, now: datetime) -> list[EndpointFacts]:
    """As everybody who may see the webhooks is shown them."""
    waiting = lines.of(found)
    return [
        EndpointFacts(one, headers.masked(one.headers) or None, waiting[one.pk], _signs_until(one, now=now))
        for one in found
    ]


def in_clear(endpoint: WebhookEndpoint, *, now: datetime, secret: str = "") -> EndpointFacts:
    """As whoever has just written it is shown it."""
    line = lines.of([endpoint])[endpoint.pk]
    shown = headers.unseal(endpoint.headers) or None
    return EndpointFacts(endpoint, shown, line, _signs_until(endpoint, now=now), secret)


def _signs_until(endpoint: WebhookEndpoint, *, now: datetime) -> datetime | None:
    until = endpoint.previous_until
    return until if until and until > now else None
