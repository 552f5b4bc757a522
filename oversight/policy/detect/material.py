"""What would leave with a message, as far as detectors read it."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass

from messaging.mime import html_text

from .plain import LONGEST, plain

# Of each file, and of all files of a message together.
FILE_BYTES, FILES_BYTES = 512 * 1024, 2 * 1024 * 1024

# A name as long as HTML has them: what else begins with "<" is a bracket.
_TAG = re.compile(r"<(/?[a-zA-Z][a-zA-Z0-9]{0,20})(?:[\s/][^<>]*)?>|<!--|-->|<![^<>]*>")
_BLOCKS = frozenset(
    {"p", "div", "br", "tr", "td", "th", "li", "ul", "ol", "table", "pre", "hr", "h1", "h2", "h3", "h4"}
)


@dataclass(frozen=True, slots=True)
class FileContent:
    """The content of a file that would leave, whatever its type says."""

    name: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Material:
    """The words of a message. `headers` are those that its author gave it, as "name: value"."""

    subject: str = ""
    text: str = ""
    html: str | None = None
    headers: tuple[str, ...] = ()
    files: tuple[FileContent, ...] = ()


def is_longer(material: Material) -> bool:
    """True if it has more words than are looked at: what was not found may stand there."""
    return max(len(material.text), len(material.html or "")) > LONGEST


def visible(material: Material) -> str:
    """What a reader sees: subject, text, and the visible text of the HTML."""
    shown = html_text.to_text(material.html[:LONGEST]) if material.html else ""
    return plain("\n".join((material.subject, material.text[:LONGEST], shown)), longest=2 * LONGEST)


def everything(material: Material, *, longest: int | None = LONGEST) -> Iterator[tuple[str, str]]:
    """Where words stand, and the words: what nobody sees too, as comments, hidden elements and text files.

    Of each no more than `longest`, and of files FILE_BYTES; None cuts no text.
    """
    yield "subject", plain(material.subject)
    yield "text", plain(material.text, longest=longest)
    if material.html:
        source = material.html[:longest]
        bare = without_tags(source)
        yield "html", plain(html.unescape(bare), longest=longest)
        if len(bare) < len(source):
            yield "html", plain(html.unescape(source), longest=longest)
    if material.headers:
        yield "headers", plain("\n".join(material.headers), longest=longest)
    left = FILES_BYTES
    for file in material.files:
        content = file.content[: min(FILE_BYTES, left)]
        left -= len(content)
        yield f"file {file.name}", plain(f"{file.name}\n{as_text(content)}", longest=longest)


def without_tags(source: str) -> str:
    """What stands between the tags, the hidden too: words that a tag parts are one word, blocks are parted."""
    return _TAG.sub(lambda found: "\n" if _is_block(found.group(1)) else "", source)


def as_text(content: bytes) -> str:
    """The words of a file, be it text or not: what is written in ASCII stands as it is in most of them."""
    if content[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return content.decode("utf-16", "replace")
    if content.count(b"\0") * 3 > len(content):  # UTF-16 that does not say so
        content = content.replace(b"\0", b"")
    return content.decode("utf-8", "replace")


def _is_block(name: str | None) -> bool:
    return name is not None and name.removeprefix("/").lower() in _BLOCKS
