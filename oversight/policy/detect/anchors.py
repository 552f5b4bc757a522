"""Links as a message has them: what they say, and where they lead. From HTML, and from addresses in plain text."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from lxml import etree

from .material import Material, without_tags
from .plain import LONGEST

XLINK = "{http://www.w3.org/1999/xlink}href"
# Bounded, here and in all that reads a mail: a pattern must not go over the same hostile megabyte again and again.
URL_IN_TEXT = re.compile(r"https?://[^\s<>\"'\u200b]+", re.IGNORECASE)
AFTER_URL = ".,;:!?)]}>*_"
MOST_WORDS = 500
_WWW = re.compile(r"(?<![\w.@/-])www\.[^\s<>\"'\u200b]{3,2000}", re.IGNORECASE)
_BARE = re.compile(r"(?<![\w.@/-])(?:[^\W_](?:[\w-]{0,61}[^\W_])?\.){1,6}[^\W\d_]{2,24}(?![\w@-])")
_HREF = re.compile(r"\bhref\s{0,10}=\s{0,10}[\"']?([^\s\"'<>]{1,4000})", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Anchor:
    """A link as the mail has it: what it says, and where it leads."""

    text: str
    target: str


def find(material: Material) -> Iterator[Anchor]:
    """The links of a message. Whole addresses in its texts are links to most mail programs."""
    if material.html:
        source = material.html[:LONGEST]
        root = tree(source)
        yield from _of_tree(root) if root is not None else _of_source(source)
        yield from _in_text(without_tags(source))
    yield from _in_text(material.text[:LONGEST])


def names(text: str) -> Iterator[str]:
    """What looks like a host in a text without being a whole address: some programs make a link of it."""
    return (found.group() for found in _BARE.finditer(text[:LONGEST]))


def tree(html: str) -> etree._Element | None:
    """The parsed HTML; an empty page for nothing, None for what is nested too deeply to be read whole."""
    parser = etree.HTMLParser(encoding="utf-8", recover=True, no_network=True, remove_comments=True, huge_tree=True)
    content = html.replace("\x00", "").encode("utf-8", "replace")
    root = etree.fromstring(content, parser) if content.strip() else None
    if any(line.level_name == "FATAL" for line in parser.error_log):
        return None
    return root if root is not None else etree.fromstring(b"<html><body></body></html>", etree.HTMLParser())


def words(element: etree._Element) -> str:
    """The beginning of what the element says."""
    found, length = [], 0
    for piece in element.itertext():
        found.append(str(piece)[:MOST_WORDS])
        length += len(found[-1])
        if length >= MOST_WORDS:
            break
    return " ".join(" ".join(found).split())[:MOST_WORDS]


def _of_tree(root: etree._Element) -> Iterator[Anchor]:
    for element in root.iter("a", "area", "form"):
        target = element.get("action") if element.tag == "form" else element.get("href") or element.get(XLINK)
        if target and not str(target).startswith("#"):
            yield Anchor(words(element) or str(element.get("alt") or "")[:MOST_WORDS], str(target))


def _of_source(source: str) -> Iterator[Anchor]:
    return (Anchor("", found.group(1)) for found in _HREF.finditer(source))


def _in_text(text: str) -> Iterator[Anchor]:
    for found in URL_IN_TEXT.finditer(text):
        address = found.group().rstrip(AFTER_URL)
        yield Anchor(address, address)
    for found in _WWW.finditer(text):
        address = found.group().rstrip(AFTER_URL)
        yield Anchor(address, f"https://{address}")
