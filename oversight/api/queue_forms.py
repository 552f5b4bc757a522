"""What may be asked of the queue: claims, snoozes, many at once."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from mailboxes.api.fields import Flag, Text, WholeNumber
from mailboxes.api.reading import Form
from messaging.models import Direction
from oversight.decisions import NOTE_LENGTH, REASON_LENGTH, REJECT_REASONS
from oversight.models import Claims
from oversight.pending import Claimed
from oversight.policy.types import Risk

NAMED_AT_ONCE = 1000
GROUP = r"^[0-9a-f]{32}$"


@extend_schema_field({"type": "string", "format": "date-time"})
class MomentWanted(serializers.Field[Any, Any, Any, Any]):
    """An ISO-8601 moment with its zone."""

    def to_internal_value(self, data: object) -> datetime:
        try:
            found = datetime.fromisoformat(data) if isinstance(data, str) else None
            if found is not None:
                found.utctimetuple()
        except (ValueError, OverflowError):
            found = None
        if found is None or found.tzinfo is None:
            raise serializers.ValidationError("Not a moment; send ISO-8601 like 2026-05-01T00:00:00Z.", code="invalid")
        return found


def _note() -> Text:
    return Text(required=False, allow_null=True, allow_blank=True, max_length=NOTE_LENGTH)


class SnoozeRequest(Form):
    until = MomentWanted(help_text="Before expiresAt: it comes back by itself then.")


class QueueSettingsRequest(Form):
    claims = serializers.ChoiceField(
        choices=Claims.values, required=False, allow_null=True, help_text="null: as the server has it for everybody."
    )


class NamedReview(Form):
    id = serializers.UUIDField()
    version = WholeNumber(min_value=1, max_value=2**31 - 1, help_text="The version that you looked at.")


class WantedReviews(Form):
    """As the query of GET /v1/oversight/pending; {} is all that waits."""

    mailboxId = serializers.UUIDField(required=False)
    agentId = serializers.UUIDField(required=False)
    groupId = Text(required=False, pattern=GROUP, max_length=32)
    tag = Text(required=False, max_length=50)
    lane = Text(required=False, max_length=40)
    risk = serializers.ChoiceField(choices=[risk.value for risk in Risk], required=False)
    rule = Text(required=False, max_length=60)
    claimed = serializers.ChoiceField(choices=[one.value for one in Claimed], required=False)
    direction = serializers.ChoiceField(choices=Direction.values, required=False)
    openedBefore = MomentWanted(required=False)
    openedAfter = MomentWanted(required=False)
    snoozed = Flag(required=False)


class RejectManyRequest(Form):
    items = serializers.ListField(child=NamedReview(), required=False, max_length=NAMED_AT_ONCE, min_length=1)
    filter = WantedReviews(required=False)
    count = WholeNumber(
        required=False, min_value=1, max_value=2**31 - 1, help_text="With `filter`: how many match, as you were shown."
    )
    reason = Text(max_length=REASON_LENGTH, help_text=f"One of {', '.join(REJECT_REASONS)}, or your own.")
    note = _note()

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if ("items" in attrs) == ("filter" in attrs):
            raise serializers.ValidationError({"items": ["Send either items or filter."]}, code="invalid")
        if ("count" in attrs) != ("filter" in attrs):
            raise serializers.ValidationError({"count": ["filter and count go together."]}, code="invalid")
        return attrs


class ApproveManyRequest(Form):
    items = serializers.ListField(child=NamedReview(), max_length=NAMED_AT_ONCE, min_length=1)
    note = _note()


class LetterRequest(Form):
    note = Text(
        required=False, allow_null=True, allow_blank=True, max_length=NOTE_LENGTH, help_text="For your colleagues."
    )
