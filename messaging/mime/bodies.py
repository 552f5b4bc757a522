"""The readable bodies of a mail: one text and one HTML, whatever its parts are."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from messaging.mime import hidden_html, html_text
from messaging.mime.characters import readable, storable, strip_tags
from messaging.mime.defects import Defect
from messaging.mime.structure import Part, Structure

MAX_LENGTH = 1024 * 1024


@dataclass(slots=True)
class _Slot:
    """One stretch of the mail, said once as text, once as HTML, or both."""

    texts: list[str] = field(default_factory=list)
    htmls: list[str] = field(default_factory=list)


def read(structure: Structure, parts: Iterable[Part]) -> tuple[str, str | None]:
    """(text, HTML or None), each at most 1 MiB. Stretches without text of their own get it from their HTML."""
    slots: dict[tuple[str, int], _Slot] = {}
    for part in parts:
        key = ("part", part.index) if part.alternative is None else ("alternative", part.alternative)
        slot = slots.setdefault(key, _Slot())
        content = _cut(structure, structure.text(part))
        (slot.htmls if part.content_type == "text/html" else slot.texts).append(content)
    texts = [_text(structure, slot) for slot in slots.values()]
    htmls = [html for slot in slots.values() for html in slot.htmls]
    if any(hidden_html.is_present(html) for html in htmls):
        structure.defects.add(Defect.HIDDEN_TEXT)
    text = _cut(structure, "\n\n".join(text for text in texts if text))
    return text, _cut(structure, storable("\n".join(htmls))) if htmls else None


def _text(structure: Structure, slot: _Slot) -> str:
    found = "\n\n".join(slot.texts)
    if not found.strip():
        found = "\n\n".join(html_text.to_text(html) for html in slot.htmls)
    shown, has_tags = strip_tags(readable(found))
    if has_tags:
        structure.defects.add(Defect.TAG_CHARACTERS)
    return shown.strip("\n")


def _cut(structure: Structure, text: str) -> str:
    if len(text) > MAX_LENGTH:
        structure.defects.add(Defect.LIMITS)
    return text[:MAX_LENGTH]
