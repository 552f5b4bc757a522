"""What a text says once it is read as base64, hexadecimal digits or percent signs: the wrappings that need no key."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator
from urllib.parse import unquote

# Of the wrapped text of one message; and wrappings within wrappings.
BLOB_CHARACTERS, DEPTH = 1024 * 1024, 2
SHORTEST = 16

# Lines of one blob are one blob: mail programs break them at 76, and quote them.
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{16,}(?:={1,2}|(?:[ \t]{0,2}\r?\n[ \t>]{0,4}[A-Za-z0-9+/_-]+)*={0,2})")
_HEX = re.compile(r"(?:[0-9a-fA-F]{2}[ :]?){16,}")
_PERCENT = re.compile(r"%[0-9a-fA-F]{2}")
_NOT_BASE64 = re.compile(r"[^A-Za-z0-9+/]")
_URL_SAFE = str.maketrans("-_", "+/")
_UNREADABLE = re.compile(r"[^\x20-\x7e\s\u00a0-\ud7ff]")


def unwrapped(text: str, *, depth: int = DEPTH) -> Iterator[str]:
    """Every readable text that stands wrapped in `text`, in another wrapping too. Bounded: BLOB_CHARACTERS in all."""
    left = BLOB_CHARACTERS
    for found in _BASE64.finditer(text):
        blob = found.group()[: max(left, 0)]
        left -= len(blob)
        for inner in _from_base64(blob):
            yield from _with_inner(inner, depth)
    for found in _HEX.finditer(text):
        blob = found.group()[: max(left, 0)]
        left -= len(blob)
        digits = "".join(character for character in blob if character not in " :")
        yield from _with_inner(_readable(bytes.fromhex(digits[: len(digits) // 2 * 2])), depth)
    if _PERCENT.search(text):
        yield from _with_inner(unquote(text[:BLOB_CHARACTERS]), depth)


def _with_inner(inner: str, depth: int) -> Iterator[str]:
    if inner:
        yield inner
        if depth > 1:
            yield from unwrapped(inner, depth=depth - 1)


def _from_base64(blob: str) -> Iterator[str]:
    """A word before it ("key" in "keyZ3Bf…") shifts a blob, so each of the four beginnings is tried."""
    letters = _NOT_BASE64.sub("", blob.translate(_URL_SAFE))
    for start in range(4):
        whole = letters[start:]
        whole = whole[: len(whole) - (len(whole) % 4 == 1)]
        if len(whole) < SHORTEST - 4:
            return
        with_padding = whole + "=" * (-len(whole) % 4)
        try:
            text = _readable(base64.b64decode(with_padding))
        except binascii.Error:
            continue
        if text:
            yield text


def _readable(content: bytes) -> str:
    """The words, or "" for what is no text in UTF-8 or UTF-16."""
    if content.count(b"\0") * 3 > len(content):
        content = content.replace(b"\0", b"")
    text = content.decode("utf-8", "replace")
    if text.isascii() and text.isprintable():
        return text
    return text if len(_UNREADABLE.sub("", text)) * 10 >= len(text) * 8 else ""
