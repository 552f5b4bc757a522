"""What may be asked of suppressions, and the fields that others' forms take as well."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from mailboxes.api.fields import ADDRESS, Text
from mailboxes.api.reading import Form
from messaging.mime import addresses
from messaging.mime.characters import CONTROL
from messaging.mime.refusals import Refused
from messaging.models import SuppressionReason

TAG_LENGTH = 50


class CanonicalAddress(Text):
    """One bare address, in the spelling that is stored, sent and suppressed."""

    pattern = ADDRESS

    def to_internal_value(self, data: object) -> str:
        try:
            return addresses.canonical(super().to_internal_value(data))
        except Refused as refused:
            raise serializers.ValidationError(refused.sentence, code="invalid") from refused


class Tag(Text):
    """A short word of the sender's own."""

    def __init__(self, **options: Any) -> None:
        super().__init__(max_length=TAG_LENGTH, **options)

    def to_internal_value(self, data: object) -> str:
        text = super().to_internal_value(data)
        if CONTROL.search(text) or text != text.strip():
            raise serializers.ValidationError("A tag has no line break, no control and no space around it.")
        return text


class SuppressionRequest(Form):
    email = CanonicalAddress(help_text="Lower-cased; stands for all its +tags.")
    reason = serializers.ChoiceField(required=False, allow_null=True, choices=[SuppressionReason.MANUAL.value])
