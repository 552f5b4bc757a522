"""The parts of a mail, as places in its octets: nothing is copied, nothing recurses, every limit is counted.

By hand, since the standard library's parser recurses, hangs or raises on hostile mail at some twenty places
(reliability F1, F2, A31). On sound mail the parts are those its compat32 parser finds; the tests compare the two.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from messaging.mime import charsets, header_block, parameterized
from messaging.mime.body_encoding import decode_body
from messaging.mime.defects import Defect
from messaging.mime.header_block import HeaderBlock
from messaging.mime.parameterized import Parameterized

MAX_DEPTH = 30
MAX_PARTS = 500
# Each level is searched for its own delimiters: this is six levels of the largest mail, far more than anyone writes.
MAX_SEARCHED = 150 * 1024 * 1024
_MAX_BOUNDARY = 200  # RFC 2046 section 5.1.1 says 70; some programs write more
_MAX_BESIDE = 64 * 1024

_MEDIA_TYPE = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]{0,126}/[a-z0-9][a-z0-9!#$&^_.+-]{0,126}")
_MIME_FIELD = re.compile(rb"^content-(?:type|transfer-encoding|disposition)[ \t]*:", re.IGNORECASE | re.MULTILINE)
_MUST_BE_SINGLE = ("content-type", "content-disposition", "content-transfer-encoding")


@dataclass(frozen=True, slots=True)
class Part:
    """One entity. `index` counts depth-first from 0, the mail itself; `alternative` is its outermost such ancestor."""

    index: int
    headers: HeaderBlock
    content_type: str
    parameters: Parameterized
    disposition: Parameterized
    encoding: str
    start: int
    end: int
    is_multipart: bool
    alternative: int | None


@dataclass(slots=True)
class Structure:
    """The parts in depth-first order; the first is the mail itself, so there is always one."""

    raw: bytes
    parts: list[Part] = field(default_factory=list)
    defects: set[Defect] = field(default_factory=set)
    searched: int = 0

    @property
    def root(self) -> Part:
        """The mail itself."""
        return self.parts[0]

    @property
    def leaves(self) -> list[Part]:
        """The parts with content of their own. A message inside is a leaf: it is not opened."""
        return [part for part in self.parts if not part.is_multipart]

    def octets(self, part: Part) -> bytes:
        """The content of a leaf, transfer encoding undone. Notes defects."""
        content, is_certain = decode_body(self.raw[part.start : part.end], part.encoding)
        if not is_certain:
            self.defects.add(Defect.AMBIGUOUS_MIME if part.encoding == "base64" else Defect.ENCODING)
        return content

    def text(self, part: Part) -> str:
        """The content of a text leaf. Notes defects."""
        text, is_certain = charsets.decode(self.octets(part), part.parameters.parameters.get("charset"))
        if not is_certain:
            self.defects.add(Defect.CHARSET)
        return text


@dataclass(frozen=True, slots=True)
class _Entity:
    start: int
    end: int
    depth: int = 0
    alternative: int | None = None
    default_type: str = "text/plain"


def read(raw: bytes) -> Structure:
    """Finds the parts of `raw`. Total; linear in the size, for each level of nesting."""
    structure = Structure(raw)
    waiting = [_Entity(0, len(raw))]
    while waiting:
        if len(structure.parts) == MAX_PARTS:
            structure.defects.add(Defect.LIMITS)
            break
        waiting += reversed(_opened(structure, waiting.pop()))
    return structure


def _opened(structure: Structure, entity: _Entity) -> list[_Entity]:
    """Adds the entity as a part and returns what is inside it."""
    headers = header_block.read(structure.raw, entity.start, entity.end)
    structure.defects |= headers.defects
    fields = {name: headers.every(name) for name in _MUST_BE_SINGLE}
    values = {name: parameterized.read(found[0] if found else "") for name, found in fields.items()}
    if any(len(found) > 1 for found in fields.values()) or any(value.is_ambiguous for value in values.values()):
        structure.defects.add(Defect.AMBIGUOUS_MIME)
    content_type = entity.default_type
    if fields["content-type"]:
        content_type = _content_type(structure, values["content-type"].value)
    inside = []
    if content_type.startswith("multipart/"):
        inside = _inside(structure, entity, headers.end, content_type, values["content-type"])
        if not inside:
            # No part can be told from another: shown as the text it is, so that nothing stays unseen.
            structure.defects.add(Defect.AMBIGUOUS_MIME)
            content_type = "text/plain"
    part = Part(
        index=len(structure.parts),
        headers=headers,
        content_type=content_type,
        parameters=values["content-type"],
        disposition=values["content-disposition"],
        encoding=values["content-transfer-encoding"].value.partition("(")[0].strip(),
        start=headers.end,
        end=entity.end,
        is_multipart=bool(inside),
        alternative=entity.alternative,
    )
    structure.parts.append(part)
    return inside


def _content_type(structure: Structure, value: str) -> str:
    if _MEDIA_TYPE.fullmatch(value):
        return value
    structure.defects.add(Defect.AMBIGUOUS_MIME)
    return "text/plain"  # RFC 2045 section 5.2


def _inside(
    structure: Structure, entity: _Entity, start: int, content_type: str, parameters: Parameterized
) -> list[_Entity]:
    structure.searched += entity.end - start
    if entity.depth == MAX_DEPTH or structure.searched > MAX_SEARCHED:
        structure.defects.add(Defect.LIMITS)
        return []
    written = parameters.parameters.get("boundary", "")
    boundary = written.rstrip()
    if boundary != written:
        structure.defects.add(Defect.AMBIGUOUS_MIME)
    if not boundary or len(boundary) > _MAX_BOUNDARY:
        return []
    alternative = entity.alternative
    if alternative is None and content_type == "multipart/alternative":
        alternative = len(structure.parts)
    default_type = "message/rfc822" if content_type == "multipart/digest" else "text/plain"
    places = _places(structure, boundary.encode("utf-8", "replace"), start, entity.end)
    return [_Entity(first, last, entity.depth + 1, alternative, default_type) for first, last in places]


def _places(structure: Structure, boundary: bytes, start: int, end: int) -> list[tuple[int, int]]:
    """(start, end) of each part between the delimiter lines. Text beside the parts that looks like one is noted."""
    raw = structure.raw
    places: list[tuple[int, int]] = []
    part_start: int | None = None
    beside = start
    is_closed = False
    for line, after, is_close in _delimiters(raw, boundary, start, end):
        if is_closed or len(places) > MAX_PARTS:
            structure.defects.add(Defect.AMBIGUOUS_MIME)
            break
        if part_start is None:
            _check_beside(structure, beside, line)
        else:
            places.append((part_start, max(part_start, _before_break(raw, line))))
        part_start, beside, is_closed = after, after, is_close
    if part_start is not None and not is_closed:
        structure.defects.add(Defect.AMBIGUOUS_MIME)
        places.append((part_start, end))
    if is_closed:
        _check_beside(structure, beside, end)
    return places


def _delimiters(raw: bytes, boundary: bytes, start: int, end: int) -> Iterator[tuple[int, int, bool]]:
    """(start of the line, end of the line, is it the last) of each delimiter line (RFC 2046 section 5.1.1)."""
    line = rb"--" + re.escape(boundary) + rb"(--)?[ \t]*\r?"
    position = start
    if first := re.compile(line + rb"(?:\n|\Z)").match(raw, start, end):
        yield start, first.end(), first.group(1) is not None
        position = first.end() - 1
    # The literal beginning lets the search run at the speed of a string search.
    for found in re.compile(rb"\n" + line + rb"(?=\n|\Z)").finditer(raw, position, end):
        yield found.start() + 1, min(found.end() + 1, end), found.group(1) is not None


def _before_break(raw: bytes, line: int) -> int:
    """The line break before a delimiter belongs to the delimiter (RFC 2046 section 5.1.1)."""
    return line - 2 if raw[line - 2 : line] == b"\r\n" else line - 1


def _check_beside(structure: Structure, start: int, end: int) -> None:
    """Preamble and epilogue are for nobody to see; parts in there are for some program to find."""
    if _MIME_FIELD.search(structure.raw, start, min(end, start + _MAX_BESIDE)):
        structure.defects.add(Defect.AMBIGUOUS_MIME)
