"""A message as its recipient sees it, for a closed frame: styled, but nothing in it runs, loads or leads away.

The walls are the frame's sandbox and its policy; what is taken out here would not work behind them anyway.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from html import escape

from lxml import etree

from oversight.policy.detect.anchors import AFTER_URL, MOST_WORDS, URL_IN_TEXT, XLINK, Anchor, tree, words

POLICY = (
    "sandbox allow-popups allow-popups-to-escape-sandbox; default-src 'none'; img-src data:; "
    "style-src 'unsafe-inline'; form-action 'none'; base-uri 'none'; frame-ancestors 'self'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Frame-Options": "SAMEORIGIN",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "X-DNS-Prefetch-Control": "off",
    "Cross-Origin-Resource-Policy": "same-origin",
}
RASTER = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp"})
GONE = ("script", "link", "base", "meta", "iframe", "frame", "object", "applet", "noscript", "template")
LOADING = ("src", "srcset", "background", "poster", "data", "lowsrc", "dynsrc")
REMOTE = re.compile(r"^\s*(?:https?:)?//", re.IGNORECASE)
# Bounded, here and in all that reads a mail: a pattern must not go over the same hostile megabyte again and again.
REMOTE_IN_STYLE = re.compile(r"url\([\s'\"]{0,50}(?:https?:)?//[^)]{0,4000}\)?", re.IGNORECASE)
IMPORT_IN_STYLE = re.compile(r"@import[^;]*;?", re.IGNORECASE)
DRAWN = ("image", "use", "feimage")  # of SVG: their href loads
PLAIN_STYLE = (
    "body{margin:0;padding:16px;font:15px/1.55 system-ui,sans-serif;color:#16191f;background:#fff;"
    "white-space:pre-wrap;overflow-wrap:anywhere}a{color:#2f4bc7}"
)
TOO_DEEP = "This message is nested too deeply to be shown. Read its text and its source."


@dataclass(frozen=True, slots=True)
class Image:
    """A picture inside the message."""

    content_type: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Mail:
    """The readable parts of a message. `images` by content id."""

    text: str = ""
    html: str | None = None
    images: Mapping[str, Image] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Document:
    """The frame's document, and what was found while it was made."""

    html: str
    anchors: list[Anchor]
    blocked_count: int
    is_cut: bool = False


def document(mail: Mail, *, link_url: Callable[[int], str]) -> Document:
    """The document for the frame. `link_url` gives the address that stands in for the n-th link, counted from 1."""
    if mail.html is None or not mail.html.strip():
        return _plain_document(mail.text, link_url=link_url)
    root = tree(mail.html)
    if root is None:
        body = f"<p>{TOO_DEEP}</p>"
        return Document(html=_page(body), anchors=[], blocked_count=0, is_cut=True)
    _remove(root)
    anchors = _rewrite_links(root, link_url)
    blocked = _still(root, mail.images)
    html = etree.tostring(root.getroottree(), method="html", encoding="unicode")  # with the mail's own doctype
    return Document(html=html, anchors=anchors, blocked_count=blocked)


def _remove(root: etree._Element) -> None:
    etree.strip_tags(root, "embed")  # it has no content; the parser takes what follows for it
    etree.strip_elements(root, *GONE, with_tail=False)
    for element in root.iter(etree.Element):
        for name in [name for name in element.attrib if str(name).lower().startswith("on")]:
            del element.attrib[name]
        for name in ("ping", "formaction", "autofocus"):
            if name in element.attrib:
                del element.attrib[name]


def _rewrite_links(root: etree._Element, link_url: Callable[[int], str]) -> list[Anchor]:
    anchors: list[Anchor] = []
    for element in root.iter("a", "area"):
        target = _target(element)
        if target is None:
            continue
        if target.startswith("#"):
            element.set("href", target)
            continue
        anchors.append(Anchor(text=words(element) or str(element.get("alt") or "")[:MOST_WORDS], target=target))
        element.set("href", link_url(len(anchors)))
        element.set("target", "_blank")
        element.set("rel", "noopener noreferrer")
    return anchors


def _target(element: etree._Element) -> str | None:
    for name in (XLINK, "xlink:href", "href"):
        value = element.get(name)
        if value is not None:
            del element.attrib[name]
            return str(value)
    return None


def _still(root: etree._Element, images: Mapping[str, Image]) -> int:
    """Put inner pictures into the page and take remote ones out; how many were remote."""
    blocked = 0
    for element in root.iter(etree.Element):
        for name in LOADING:
            value = element.get(name)
            if value is None:
                continue
            inner = _inner_image(str(value), images) if name == "src" else None
            if inner is not None:
                element.set(name, inner)
            elif not str(value).strip().lower().startswith("data:image/") or name == "srcset":
                del element.attrib[name]
                blocked += bool(REMOTE.match(str(value)))
        blocked += _still_style(element)
        if element.tag in DRAWN:
            _target(element)
    return blocked


def _still_style(element: etree._Element) -> int:
    """Take remote addresses out of the element's own style, or out of a style sheet; how many there were."""
    if element.tag == "style" and element.text:
        element.text, count = REMOTE_IN_STYLE.subn("none", IMPORT_IN_STYLE.sub("", element.text))
        return count
    style, count = REMOTE_IN_STYLE.subn("none", str(element.get("style") or ""))
    if count:
        element.set("style", style)
    return count


def _inner_image(source: str, images: Mapping[str, Image]) -> str | None:
    scheme, _, content_id = source.strip().partition(":")
    image = images.get(content_id) if scheme.lower() == "cid" else None
    if image is None or image.content_type not in RASTER:
        return None
    return f"data:{image.content_type};base64,{base64.b64encode(image.content).decode()}"


def _plain_document(text: str, *, link_url: Callable[[int], str]) -> Document:
    anchors: list[Anchor] = []
    pieces: list[str] = []
    position = 0
    for found in URL_IN_TEXT.finditer(text):
        address = found.group().rstrip(AFTER_URL)
        anchors.append(Anchor(text=address, target=address))
        pieces.append(escape(text[position : found.start()]))
        url, text_shown = escape(link_url(len(anchors))), escape(address)
        pieces.append(f'<a href="{url}" target="_blank" rel="noopener noreferrer">{text_shown}</a>')
        position = found.start() + len(address)
    pieces.append(escape(text[position:]))
    return Document(html=_page("".join(pieces)), anchors=anchors, blocked_count=0)


def _page(body: str) -> str:
    return (
        f'<!DOCTYPE html><html><head><meta charset="utf-8"><title>Message</title><style>{PLAIN_STYLE}</style></head>'
        f'<body dir="auto">{body}</body></html>'
    )
