"""Markdown to HTML for outgoing mail. Raw HTML in the source is shown as text, never passed through."""

from __future__ import annotations

from functools import cache

from markdown_it import MarkdownIt


def to_html(source: str) -> str:
    """`source` (CommonMark with tables and strikethrough) as an HTML fragment."""
    html: str = _renderer().render(source)
    return html


@cache
def _renderer() -> MarkdownIt:
    return MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])
