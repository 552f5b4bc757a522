"""Readable text of an HTML body: what a person would see, as Markdown; and whether there is more than that.

nh3 makes the markup well-formed and harmless first, lxml reads the result; html.parser is kept out of this, since it
needs minutes for a few hundred kilobytes of "<!--" (reliability F9). Markup nested so deep that a tree would cost
seconds gets plain text by one pass over its tags.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from typing import Any

import nh3
from bs4 import BeautifulSoup
from markdownify import MarkdownConverter

from messaging.mime import hidden_html

# Within these bounds the worst markup costs about a second; newsletters stay far below them.
_MAX_DEPTH = 100  # the converter recurses, three frames a level
_MAX_TAGS = 10_000
_MAX_MARKED_UP = 256 * 1024
_MAX_WORK = 2_000_000  # characters times depth: every level copies what is inside it

_BLOCKS = frozenset({"p", "div", "br", "tr", "li", "ul", "ol", "blockquote", "pre", "hr", "h1", "h2", "h3", "h4"})
_TAGS = _BLOCKS | {"a", "b", "strong", "i", "em", "span", "font", "table", "tbody", "thead", "td", "th", "code"}
_DROPPED_WHOLE = frozenset({"script", "style", "title", "noscript", "template", "textarea", "iframe", "object", "svg"})
_ATTRIBUTES = {"*": {"style", "hidden"}, "a": {"href"}}
_SCHEMES = {"http", "https", "mailto", "tel"}

_TAG = re.compile(r"<!--|-->|<(/?)([a-zA-Z][a-zA-Z0-9:]*)[^<>]*>?")
# Closed by what follows them, or empty: these do not nest by being left open.
_NOT_NESTING = frozenset(
    {"br", "img", "hr", "meta", "link", "input", "wbr", "area", "base", "col", "p", "li", "dt", "dd", "option"}
    | {"tbody", "thead", "tfoot", "tr", "td", "th", "html", "body", "head"}
)
_LEVELS = {"table": 4, "ul": 2, "ol": 2, "dl": 2}
_BLANK_LINES = re.compile(r"\n\s*\n")
_SPACES = re.compile(r"[ \t\xa0]+")


def to_text(source: str) -> str:
    """`source` as Markdown without what is hidden, without images, with links. Total."""
    if not _is_reasonable(source):
        return _tidied(html.unescape("".join(_without_tags(source))))
    clean = nh3.clean(
        source,
        tags=set(_TAGS),
        clean_content_tags=set(_DROPPED_WHOLE),
        attributes=_ATTRIBUTES,
        url_schemes=_SCHEMES,
        link_rel=None,
    )
    # The wrapper keeps the library from taking a short text for the name of a file.
    tree = BeautifulSoup(f"<div>{clean}</div>", "lxml")
    hidden_html.remove(tree)
    try:
        return _tidied(_Converter().convert_soup(tree))
    except RecursionError:  # the caller's own stack counts too
        return _tidied(html.unescape("".join(_without_tags(source))))


class _Converter(MarkdownConverter):
    """Rows of a table become lines: most tables in mail are there for the layout."""

    def __init__(self) -> None:
        super().__init__(
            escape_asterisks=False, escape_underscores=False, heading_style="atx", bullets="-", strip=["span", "font"]
        )

    def convert_td(self, el: Any, text: str, parent_tags: Any) -> str:
        return f"{text.strip()} | " if text.strip() else ""

    convert_th = convert_td

    def convert_tr(self, el: Any, text: str, parent_tags: Any) -> str:
        return f"{text.strip().removesuffix('|').rstrip()}\n"


def _is_reasonable(source: str) -> bool:
    """True if a tree of it stays small. Depth is counted roughly, elements left open as nesting."""
    if len(source) > _MAX_MARKED_UP:
        return False
    deepest = depth = 0
    for count, found in enumerate(_TAG.finditer(source)):
        slash, name = found.groups()
        name = (name or "").lower()
        if name and name not in _NOT_NESTING:
            depth = max(0, depth + (-1 if slash else 1) * _LEVELS.get(name, 1))
            deepest = max(deepest, depth)
        if count > _MAX_TAGS or deepest > _MAX_DEPTH:
            return False
    return deepest * len(source) <= _MAX_WORK


def _without_tags(source: str) -> Iterator[str]:
    """The text between the tags, with a line break for each block. Comments, styles and scripts are left out."""
    position = 0
    until: str | None = None
    for found in _TAG.finditer(source):
        if until is None:
            yield source[position : found.start()]
        position = found.end()
        slash, name = found.groups()
        mark = found.group() if name is None else f"{slash}{name.lower()}"
        if until is not None:
            until = None if mark == until else until
        elif mark == "<!--":
            until = "-->"
        elif mark in _DROPPED_WHOLE:
            until = f"/{mark}"
        elif mark.removeprefix("/") in _BLOCKS:
            yield "\n"
    if until is None:
        yield source[position:]


def _tidied(text: str) -> str:
    lines = (_SPACES.sub(" ", line).strip(" ") for line in text.split("\n"))
    return _BLANK_LINES.sub("\n\n", "\n".join(lines)).strip()
