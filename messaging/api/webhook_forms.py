"""What may be asked of webhooks."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from mailboxes.api.fields import Flag, Text, WholeNumber
from mailboxes.api.reading import Form
from messaging.events import catalog
from messaging.models import EVERYTHING, EndpointStatus
from messaging.safe_http.urls import MAX_LENGTH

from .forms import Tag

KINDS = tuple(catalog.KINDS)
SETTABLE = [EndpointStatus.ACTIVE.value, EndpointStatus.PAUSED.value]
MOST_NAMES = 200
MOST_TAGS = 20
MOST_OVERLAP_HOURS = 168
FAILED, ALL = "FAILED", "ALL"
NAMES_SCHEMA = {
    "oneOf": [
        {"type": "array", "minItems": 1, "maxItems": MOST_NAMES, "items": {"type": "string", "enum": list(KINDS)}},
        {"type": "array", "minItems": 1, "maxItems": 1, "items": {"type": "string", "enum": [EVERYTHING]}},
    ]
}


@extend_schema_field({"type": "string", "format": "uri", "pattern": "^https://", "maxLength": MAX_LENGTH})
class Url(Text):
    """What it leads to is looked at by the verb."""


@extend_schema_field(NAMES_SCHEMA)
class EventNames(serializers.ListField):
    """Names of the catalog, or "*" alone: all there are and all to come."""

    child = serializers.ChoiceField(choices=(*KINDS, EVERYTHING))

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"allow_empty": False, "min_length": 1, "max_length": MOST_NAMES, **options})

    def to_internal_value(self, data: Any) -> list[str]:
        names: list[str] = super().to_internal_value(data)
        if EVERYTHING in names and len(names) > 1:
            raise serializers.ValidationError("* stands alone: it means all events, also those to come.")
        return names


class Headers(serializers.DictField):
    child = Text(allow_blank=True)


class Tags(serializers.ListField):
    child = Tag()

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"required": False, "allow_null": True, "max_length": MOST_TAGS, **options})


class WebhookRequest(Form):
    url = Url(max_length=MAX_LENGTH, help_text="https, on the public internet.")
    events = EventNames(help_text='Names of events, or `["*"]`: all, also those to come.')
    mailboxId = Text(
        required=False, allow_null=True, max_length=80, help_text="Left out: the whole account; a scoped key names one."
    )
    headers = Headers(required=False, allow_null=True, help_text="Up to 10, sent with each delivery.")
    tags = Tags(help_text="Up to 20: only events about messages that were sent with one of them. Left out: all.")
    ordered = Flag(required=False, help_text="One delivery at a time, in the order of the log. Left out: false.")


class WebhookChange(Form):
    url = Url(required=False, max_length=MAX_LENGTH, help_text="To another server, the headers do not go along.")
    events = EventNames(required=False, help_text="From now on: what was subscribed to before is still delivered.")
    status = serializers.ChoiceField(
        required=False, choices=SETTABLE, help_text="ACTIVE also ends FAILED and clears failureCount."
    )
    headers = Headers(required=False, allow_null=True, help_text="Replaces all; null clears; left out: as they are.")
    tags = Tags(help_text="Replaces all; null or none: events about any message.")
    ordered = Flag(required=False)


class RotationRequest(Form):
    overlapHours = WholeNumber(
        required=False,
        allow_null=True,
        min_value=0,
        max_value=MOST_OVERLAP_HOURS,
        help_text="How long the old secret signs along; left out: the server's setting, 24. 0 ends it at once.",
    )


class RedeliveryRequest(Form):
    after = Text(
        required=False,
        allow_null=True,
        max_length=80,
        help_text="Id of an event (`webhook-id`, or a cursor of the log): those after it. Left out: all still told.",
    )
    until = Text(required=False, allow_null=True, max_length=80, help_text="Id of the last event; left out: to now.")
    status = serializers.ChoiceField(
        choices=[FAILED, ALL],
        help_text="FAILED: deliveries that were given up. ALL: whatever matches the webhook, delivered or never made.",
    )
    types = serializers.ListField(
        child=serializers.ChoiceField(choices=KINDS),
        required=False,
        allow_null=True,
        max_length=MOST_NAMES,
        help_text="Only these, of what the webhook is subscribed to.",
    )
