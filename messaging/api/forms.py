"""What may be asked of webhooks and suppressions."""

from __future__ import annotations

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from mailboxes.api.fields import ADDRESS, Text
from mailboxes.api.reading import Form
from messaging.events import catalog
from messaging.mime import addresses
from messaging.mime.refusals import Refused
from messaging.models import EndpointStatus, SuppressionReason
from messaging.safe_http.urls import MAX_LENGTH

SETTABLE = [EndpointStatus.ACTIVE.value, EndpointStatus.PAUSED.value]


class CanonicalAddress(Text):
    """One bare address, in the spelling that is stored, sent and suppressed."""

    pattern = ADDRESS

    def to_internal_value(self, data: object) -> str:
        try:
            return addresses.canonical(super().to_internal_value(data))
        except Refused as refused:
            raise serializers.ValidationError(refused.sentence, code="invalid") from refused


@extend_schema_field({"type": "string", "format": "uri", "pattern": "^https://", "maxLength": MAX_LENGTH})
class Url(Text):
    """What it leads to is looked at by the verb."""


class EventNames(serializers.ListField):
    child = serializers.ChoiceField(choices=tuple(catalog.KINDS))


class Headers(serializers.DictField):
    child = Text(allow_blank=True)


class WebhookRequest(Form):
    url = Url(max_length=MAX_LENGTH, help_text="https, on the public internet.")
    events = EventNames(allow_empty=False, min_length=1, max_length=20)
    mailboxId = Text(
        required=False, allow_null=True, max_length=80, help_text="Left out: the whole account; a scoped key names one."
    )
    headers = Headers(required=False, allow_null=True, help_text="Up to 10, sent with each delivery.")


class WebhookChange(Form):
    url = Url(required=False, max_length=MAX_LENGTH, help_text="To another server, the headers do not go along.")
    events = EventNames(required=False, allow_empty=False, min_length=1, max_length=20)
    status = serializers.ChoiceField(
        required=False, choices=SETTABLE, help_text="ACTIVE also ends FAILED and clears failureCount."
    )
    headers = Headers(required=False, allow_null=True, help_text="Replaces all; null clears; left out: as they are.")


class SuppressionRequest(Form):
    email = CanonicalAddress(help_text="Lower-cased; stands for all its +tags.")
    reason = serializers.ChoiceField(required=False, allow_null=True, choices=[SuppressionReason.MANUAL.value])
