"""What the OpenAPI document says of our own fields, as far as a schema can say it."""

from __future__ import annotations

from typing import Any

from drf_spectacular.extensions import OpenApiSerializerExtension, OpenApiSerializerFieldExtension
from drf_spectacular.openapi import AutoSchema

from mailboxes import mailbox

from .fields import Metadata, Text
from .reading import Form


class TextSchema(OpenApiSerializerFieldExtension):  # type: ignore[no-untyped-call]  # drf-spectacular's
    target_class = Text
    match_subclasses = True

    def map_serializer_field(self, auto_schema: AutoSchema, direction: Any) -> dict[str, Any]:
        told: dict[str, Any] = auto_schema._map_serializer_field(self.target, direction, bypass_extensions=True)  # type: ignore[no-untyped-call]  # drf-spectacular's
        if "null" in told["type"]:
            told["type"] = "string"  # whether it may be null is said outside, once more
        told["pattern"] = self.target.pattern
        if not self.target.allow_blank:
            told.setdefault("minLength", 1)
        return told


class FormSchema(OpenApiSerializerExtension):  # type: ignore[no-untyped-call]  # drf-spectacular's
    """Bodies are closed: a name that is not told is refused."""

    target_class = Form
    match_subclasses = True

    def map_serializer(self, auto_schema: AutoSchema, direction: Any) -> dict[str, Any]:
        told: dict[str, Any] = auto_schema._map_serializer(self.target, direction, bypass_extensions=True)  # type: ignore[no-untyped-call]  # drf-spectacular's
        text = {"type": "string", "minLength": 1}
        if self.target.one_of:
            told["anyOf"] = [{"required": [name], "properties": {name: text}} for name in self.target.one_of]
        return told | {"additionalProperties": False}


class MetadataSchema(OpenApiSerializerFieldExtension):  # type: ignore[no-untyped-call]  # drf-spectacular's
    target_class = Metadata

    def map_serializer_field(self, auto_schema: AutoSchema, direction: Any) -> dict[str, Any]:
        short = {"type": "string", "maxLength": mailbox.METADATA_LENGTH, "pattern": Text.pattern}
        return {
            "type": "object",
            "additionalProperties": short,
            "propertyNames": {key: value for key, value in short.items() if key != "type"},
            "maxProperties": mailbox.METADATA_PAIRS,
        }
