"""What suppressions look like on the wire (contracts/robotomail.md, section 3)."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from mailboxes.api.fields import Moment, NextCursor
from messaging.models import SuppressionReason


class SuppressionSerializer(serializers.Serializer[Any]):
    """An address that is not written to."""

    id = serializers.UUIDField()
    email = serializers.EmailField(source="address")
    reason = serializers.ChoiceField(choices=SuppressionReason.values)
    createdAt = Moment(source="created_at")


class SuppressionAnswerSerializer(serializers.Serializer[Any]):
    suppression = SuppressionSerializer()


class SuppressionListSerializer(serializers.Serializer[Any]):
    suppressions = SuppressionSerializer(many=True)
    nextCursor = NextCursor()
