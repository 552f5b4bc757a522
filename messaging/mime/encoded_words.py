"""Encoded words (RFC 2047): text beyond ASCII in header values, written and read by hand.

The standard library's modern policy decodes them where it must not, and writes line breaks they contain (F3).
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator
from itertools import groupby
from operator import itemgetter

from messaging.mime import charsets
from messaging.mime.body_encoding import decode_body

# RFC 2047 section 2 allows 75, and 76 for the line; 66 leaves room for "Subject: " before the first word.
_MAX_WORD = 66
_OVERHEAD = len("=?utf-8?q??=")
_MAX_PAYLOAD = _MAX_WORD - _OVERHEAD
_BASE64_BYTES = _MAX_PAYLOAD // 4 * 3
# What may stand for itself in any header, phrases included (RFC 2047 section 5 (3)).
_SAFE = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789!*+-/")
# Lax on purpose: spaces inside "q" words are common, though RFC 2047 section 2 forbids them.
_ENCODED = re.compile(r"=\?([!->@-~]{1,64})\?([bBqQ])\?([^?\r\n]{0,2000})\?=")


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


def decode(value: str) -> tuple[str, bool]:
    """(`value` with its encoded words decoded, True if that was certain). Total and linear, whatever is in there."""
    if "=?" not in value:
        return value, True
    pieces: list[str] = []
    is_certain = True
    for charset, items in groupby(_items(value), key=itemgetter(0)):
        content = b"".join(octets for _, octets in items)
        if charset is None:
            pieces.append(content.decode("utf-8", "surrogatepass"))
            continue
        # Words of one charset are joined before decoding: many programs cut characters in two.
        text, is_known = charsets.decode(content, charset)
        pieces.append(text)
        is_certain = is_certain and is_known
    return "".join(pieces), is_certain


def _items(value: str) -> Iterator[tuple[str | None, bytes]]:
    """(charset, octets) of every encoded word and (None, octets) of what stands between."""
    position = 0
    for found in _ENCODED.finditer(value):
        between = value[position : found.start()]
        # Space between two encoded words is no part of the text (RFC 2047 section 6.2).
        if between and (position == 0 or not between.isspace()):
            yield None, between.encode("utf-8", "surrogatepass")
        # RFC 2231 section 5 puts a language behind a star.
        yield found.group(1).partition("*")[0].lower(), _octets(found.group(2), found.group(3))
        position = found.end()
    if position < len(value):
        yield None, value[position:].encode("utf-8", "surrogatepass")


def _octets(kind: str, payload: str) -> bytes:
    content = payload.encode("utf-8", "replace")
    if kind in "qQ":
        return binascii.a2b_qp(content, header=True)
    decoded, _ = decode_body(content, "base64")
    return decoded
