"""Encoded words (RFC 2047): text beyond ASCII in header values, written and read by hand.

The standard library's modern policy decodes them where it must not, and writes line breaks they contain (F3).
"""

from __future__ import annotations

import base64
from collections.abc import Iterator

# RFC 2047 section 2 allows 75, and 76 for the line; 66 leaves room for "Subject: " before the first word.
_MAX_WORD = 66
_OVERHEAD = len("=?utf-8?q??=")
_MAX_PAYLOAD = _MAX_WORD - _OVERHEAD
_BASE64_BYTES = _MAX_PAYLOAD // 4 * 3
# What may stand for itself in any header, phrases included (RFC 2047 section 5 (3)).
_SAFE = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789!*+-/")


def encode(text: str) -> list[str]:
    """`text` as encoded words of at most 66 characters, to be written with one space or fold between them."""
    costs = [_quoted_cost(character) for character in text]
    if sum(costs) <= len(text.encode()) * 4 / 3:
        return [f"=?utf-8?q?{_quoted(chunk)}?=" for chunk in _chunks(text, costs, _MAX_PAYLOAD)]
    sizes = [len(character.encode()) for character in text]
    chunks = _chunks(text, sizes, _BASE64_BYTES)
    return [f"=?utf-8?b?{base64.b64encode(chunk.encode()).decode('ascii')}?=" for chunk in chunks]


def _chunks(text: str, costs: list[int], limit: int) -> Iterator[str]:
    """Cuts between characters only: RFC 2047 section 5 forbids splitting one over two words."""
    start = spent = 0
    for position, cost in enumerate(costs):
        if spent + cost > limit:
            yield text[start:position]
            start, spent = position, 0
        spent += cost
    if text[start:]:
        yield text[start:]


def _quoted_cost(character: str) -> int:
    return sum(1 if octet in _SAFE or octet == 0x20 else 3 for octet in character.encode())


def _quoted(text: str) -> str:
    return "".join(
        "_" if octet == 0x20 else chr(octet) if octet in _SAFE else f"={octet:02X}" for octet in text.encode()
    )
