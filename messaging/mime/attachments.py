"""Which parts of a mail are attachments, and what can be said of them without opening them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

from messaging.mime import encoded_words, file_names, parameterized
from messaging.mime.characters import storable
from messaging.mime.defects import Defect
from messaging.mime.structure import Part, Structure
from messaging.mime.types import ParsedAttachment

_BODY_TYPES = frozenset({"text/plain", "text/html"})
_MAX_CONTENT_ID = 250


@dataclass(frozen=True, slots=True)
class Limits:
    """How many attachments of a mail are listed, and how many bytes one may have. What is beyond stays in the mail."""

    count: int = 20
    size_bytes: int = 25 * 1024 * 1024


USUAL = Limits()


def is_body(part: Part) -> bool:
    """True for text meant to be read in place. A file name or `attachment` makes text an attachment."""
    return part.content_type in _BODY_TYPES and part.disposition.value != "attachment" and not _written_name(part)


def describe(
    structure: Structure, parts: Iterable[Part], *, limits: Limits = USUAL
) -> tuple[tuple[ParsedAttachment, ...], str | None]:
    """(attachments kept, why others were dropped: None, "size", "count" or "both")."""
    kept: list[ParsedAttachment] = []
    reasons = set()
    for part in parts:
        if len(kept) == limits.count:
            reasons.add("count")
            continue
        content = structure.octets(part)
        if len(content) > limits.size_bytes:
            reasons.add("size")
            continue
        kept.append(_described(structure, part, content))
    return tuple(kept), "both" if len(reasons) == 2 else next(iter(reasons), None)


def _described(structure: Structure, part: Part, content: bytes) -> ParsedAttachment:
    written = _written_name(part)
    typed = encoded_words.decode(part.parameters.parameters.get("name", ""))[0]
    if written and typed and not parameterized.same_file_type(written, typed):
        structure.defects.add(Defect.AMBIGUOUS_MIME)
    if file_names.is_deceptive(written):
        structure.defects.add(Defect.BIDI)
    content_id = _content_id(part)
    return ParsedAttachment(
        filename=file_names.safe(written, content_type=part.content_type, number=part.index),
        content_type=part.content_type,
        size_bytes=len(content),
        content_id=content_id,
        sha256=hashlib.sha256(content).hexdigest(),
        index=part.index,
        is_inline=part.disposition.value == "inline" or (content_id is not None and not part.disposition.value),
    )


def _written_name(part: Part) -> str:
    """The file name as the sender wrote it: Content-Disposition before Content-Type."""
    name = part.disposition.parameters.get("filename") or part.parameters.parameters.get("name", "")
    return encoded_words.decode(name)[0]


def _content_id(part: Part) -> str | None:
    value = storable(part.headers.first("content-id") or "").strip().strip("<>").strip()
    return value if value.isascii() and value.isprintable() and 0 < len(value) <= _MAX_CONTENT_ID else None
