"""Reading a JSON body so that whatever comes is either plain JSON or a 400."""

from __future__ import annotations

import json
from collections.abc import Mapping
from math import isfinite
from typing import IO, Any

from rest_framework.parsers import BaseParser

from mailboxes.errors import Invalid

from .errors import PlainProblem

MAX_BYTES = 10 * 1024**2
MAX_DEPTH = 32


class StrictJsonParser(BaseParser):
    """One JSON object in UTF-8: no duplicate names, no NaN or infinity, no NUL, no lone surrogates, not too deep."""

    media_type = "application/json"

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        raw = stream.read(MAX_BYTES + 1)
        if len(raw) > MAX_BYTES:
            raise PlainProblem(
                413, "body_too_large", f"The body is larger than {MAX_BYTES} bytes.", fix="Send a smaller message."
            )
        return parse(raw)


def parse(raw: bytes) -> dict[str, Any]:
    """The object written in `raw`. Raises Invalid for anything else, however hostile."""
    try:
        content = json.loads(
            raw.decode("utf-8"), object_pairs_hook=_object, parse_constant=_no_constant, parse_float=_finite
        )
    except RecursionError as error:
        raise _too_deep() from error
    except ValueError as error:  # JSONDecodeError and UnicodeDecodeError among them, and integers of 4,300 digits
        raise Invalid(
            "The body is not valid JSON.", code="malformed_json", fix="Send one JSON object in UTF-8."
        ) from error
    if not isinstance(content, dict):
        raise Invalid("The body must be a JSON object.", code="malformed_json", fix='Send {"name": value, …}.')
    _check(content)
    return content


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) != len(pairs):
        raise Invalid("A name stands twice in one object.", code="duplicate_name", fix="Send every name once.")
    return content


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _finite(text: str) -> float:
    number = float(text)
    if not isfinite(number):
        raise ValueError("the number is too large")
    return number


def _check(content: dict[str, Any]) -> None:
    # A loop, not a recursion: how deep the input goes must not matter to the stack.
    level: list[Any] = [content]
    depth = 0
    while level:
        depth += 1
        if depth > MAX_DEPTH:
            raise _too_deep()
        level = [part for value in level for part in _parts(value)]


def _parts(value: Any) -> list[Any]:
    if isinstance(value, dict):
        for name in value:
            _check_text(name)
        return list(value.values())
    if isinstance(value, list):
        return value
    if isinstance(value, str):
        _check_text(value)
    return []


def _check_text(text: str) -> None:
    if "\x00" in text:
        raise Invalid("The body holds a NUL character.", code="unusable_text", fix="Leave U+0000 out.")
    if not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text):
        raise Invalid("The body holds half a surrogate pair.", code="unusable_text", fix="Send whole characters.")


def _too_deep() -> Invalid:
    return Invalid("The body is nested too deeply.", code="malformed_json", fix=f"Stay within {MAX_DEPTH} levels.")
