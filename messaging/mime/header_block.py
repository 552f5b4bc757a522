"""The header fields of a mail or of one of its parts, unfolded but not decoded (RFC 5322 section 2.2)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from messaging.mime.defects import Defect

MAX_HEADERS = 1_000
MAX_HEADER_OCTETS = 256 * 1024

_FIELD = re.compile(rb"([!-9;-~]+)([ \t]*):([^\n]*(?:\n[ \t][^\n]*)*)(?:\n|\Z)")
_STRAY_LINE = re.compile(rb"(?:From (?![ \t]*:)|[ \t])[^\n]*(?:\n|\Z)")
_CONTROL = re.compile(rb"[\x00-\x08\x0b-\x1f\x7f]")
_BREAK = re.compile(rb"\r?\n")


@dataclass(frozen=True, slots=True)
class HeaderBlock:
    """`fields` in order, names as written; `values` by name in lower case; the body begins at `end`."""

    fields: tuple[tuple[str, str], ...]
    values: Mapping[str, list[str]]
    end: int
    defects: frozenset[Defect]

    def first(self, name: str) -> str | None:
        """The first value under that name (lower case), or None."""
        return next(iter(self.values.get(name, ())), None)

    def every(self, name: str) -> list[str]:
        """All values under that name (lower case)."""
        return self.values.get(name, [])


def read(raw: bytes, start: int, end: int) -> HeaderBlock:
    """The header block of the entity at `raw[start:end]`. A line that is no field ends it, as in most programs."""
    block_end, body = _blank_line(raw, start, end)
    block = raw[start : min(block_end, start + MAX_HEADER_OCTETS)]
    defects = {Defect.LIMITS} if block_end - start > MAX_HEADER_OCTETS else set()
    fields: list[tuple[str, str]] = []
    position = 0
    # The envelope line of a mailbox file, or the tail of a header that lost its beginning.
    if stray := _STRAY_LINE.match(block):
        defects.add(Defect.HEADER_DEFECT)
        position = stray.end()
    while position < len(block):
        found = _FIELD.match(block, position)
        if found is None:
            defects.add(Defect.HEADER_DEFECT)
            body = start + position
            break
        if len(fields) == MAX_HEADERS:
            defects.add(Defect.LIMITS)
            break
        name, space, value = found.groups()
        if space:
            defects.add(Defect.AMBIGUOUS_MIME)  # "Content-Type :" is a field to some programs and body to others
        value = (_BREAK.sub(b"", value) if b"\n" in value else value).strip(b" \t\r")
        if _CONTROL.search(value):
            defects.add(Defect.HEADER_DEFECT)
        fields.append((name.decode("ascii"), _text(value)))
        position = found.end()
    values: dict[str, list[str]] = {}
    for written, text in fields:
        values.setdefault(written.lower(), []).append(text)
    return HeaderBlock(tuple(fields), values, body, frozenset(defects))


def _blank_line(raw: bytes, start: int, end: int) -> tuple[int, int]:
    """(end of the header block, start of the body)."""
    for line_end in (b"\r\n", b"\n"):
        if raw.startswith(line_end, start, end):
            return start, start + len(line_end)
    found = [(place, len(blank)) for blank in (b"\n\r\n", b"\n\n") if (place := raw.find(blank, start, end)) >= 0]
    if not found:
        return end, end
    place, length = min(found)
    return place + 1, place + length


def _text(value: bytes) -> str:
    """Header octets should be ASCII, may be UTF-8 (RFC 6532), and are Latin-1 in the rest of the wild."""
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return value.decode("latin-1")
