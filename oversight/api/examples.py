"""Examples and names of types for the schemas of the OpenAPI document."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Json = Mapping[str, Any]

# What people would write; everything else is made from its type.
WRITTEN: dict[str, object] = {
    "to": ["kim@friends.example"],
    "subject": "Your order",
    "bodyText": "It is on its way.",
    "email": "you@company.example",
    "password": "a-secure-password",
    "slug": "my-company",
    "domain": "mail.company.example",
    "displayName": "Hal",
    "address": "support",
    "reason": "wrong_facts",
    "note": "The price is 17.",
    "version": 1,
    "metadata": {"order": "17"},
    "name": "Hal",
    "url": "https://hooks.company.example/mail",
    "events": ["message.received"],
}
ALSO_SHOWN = frozenset({"version", "note", "displayName"})
BY_FORMAT: dict[str, object] = {
    "uuid": "01980b5e-6c1f-7d3a-9b54-3f1f6f0f7a11",
    "date-time": "2026-05-01T12:00:00.000Z",
    "email": "hal@agents.example",
    "uri": "https://gatepost.example/billing",
}
BY_TYPE: dict[str, object] = {"string": "…", "integer": 0, "number": 0, "boolean": False, "null": None}


def resolved(told: Json, schema: Json) -> Json:
    """The schema behind references, and behind "or null"."""
    for choice in ("oneOf", "anyOf", "allOf"):
        if choice in schema and "properties" not in schema:
            schema = next(one for one in schema[choice] if one.get("type") != "null")
    if "$ref" in schema:
        return resolved(told, told["components"]["schemas"][schema["$ref"].rpartition("/")[2]])
    return schema


def type_of(schema: Json) -> str:
    """The type in words: `string`, `uuid or null`, `string[]`, `to | cc | bcc`, `(uuid | object)[]`."""
    if "oneOf" in schema and "type" not in schema:
        return f"({' | '.join(dict.fromkeys(map(type_of, schema['oneOf'])))})"
    if "enum" in schema:
        return " | ".join("null" if value is None else str(value) for value in schema["enum"])
    types = schema.get("type", "object")
    names = types if isinstance(types, list) else [types]
    if "array" in names:
        names = [f"{type_of(schema['items'])}[]", *(name for name in names if name != "array")]
    if "format" in schema:
        names = [schema["format"] if name == "string" else name for name in names]
    return " or ".join(names)


def of_answer(told: Json, schema: Json) -> Any:
    """A whole example: every member of every object."""
    shape = resolved(told, schema)
    if "properties" in shape:
        return {name: of_answer(told, inner) for name, inner in shape["properties"].items()}
    if shape.get("type") == "array":
        return [of_answer(told, shape["items"])]
    return _plain(shape)


def of_request(told: Json, schema: Json) -> dict[str, Any]:
    """A short example: what is required, and what is worth showing."""
    shape = resolved(told, schema)
    required = shape.get("required", ())
    names = [name for name in shape.get("properties", {}) if name in required or name in ALSO_SHOWN]
    if "bodyText" in shape.get("properties", {}):
        names.append("bodyText")
    return {name: WRITTEN.get(name, _plain(resolved(told, shape["properties"][name]))) for name in names}


def _plain(shape: Json) -> Any:
    if "enum" in shape:
        return shape["enum"][0]
    if shape.get("format") in BY_FORMAT:
        return BY_FORMAT[shape["format"]]
    types = shape.get("type", "object")
    name = types[0] if isinstance(types, list) else types
    return BY_TYPE.get(name, [] if name == "array" else {})
