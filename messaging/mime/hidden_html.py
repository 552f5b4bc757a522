"""HTML that a person does not see but an agent would read: found by inline styles and comments (reliability A21).

A signal, not a proof: style sheets can hide text too, and newsletters hide a preview line for good reasons.
"""

from __future__ import annotations

import html
import re

from bs4 import BeautifulSoup, Tag

_STYLE = re.compile(r"""\bstyle\s*=\s*(?:"([^"]*)"|'([^']*)')""", re.IGNORECASE)
_NOISE = re.compile(r"\s+|/\*.*?\*/|!important")
_HIDING = re.compile(
    r"(?:^|;)(?:display:none|visibility:(?:hidden|collapse)|mso-hide:all|opacity:0?(?:\.0\d*)?(?=;|$)|color:transparent"
    r"|font-size:(?:0(?:\.0+)?(?:[a-z]{2,3}|%)?|(?:0\.\d+|1)p[xt])(?=;|$)|text-indent:-\d{3}|(?:left|top|margin-left):-\d{3,})"
)
_NO_SIZE = re.compile(r"(?:^|;)(?:max-)?(?:height|width):0(?:px|pt)?(?=;|$)")
_CLIPPED = re.compile(r"(?:^|;)overflow:hidden(?=;|$)")
_COLOR = re.compile(r"(?:^|;)color:([^;]+)")
_BACKGROUND = re.compile(r"background(?:-color)?:([^;]+)|bgcolor", re.IGNORECASE)
_COLOR_NAMES = {
    "white": "#ffffff",
    "#fff": "#ffffff",
    "rgb(255,255,255)": "#ffffff",
    "black": "#000000",
    "#000": "#000000",
}
_PROSE_WORDS = 8
_MAX_STYLE = 4 * 1024


def is_present(source: str) -> bool:
    """True if some inline style hides text, or a comment holds a sentence."""
    is_white = _BACKGROUND.search(source) is None
    return any(_hides(one or two, is_white=is_white) for one, two in _STYLE.findall(source)) or _has_prose(source)


def remove(tree: BeautifulSoup) -> None:
    """Takes every element out of `tree` that its own style or `hidden` attribute hides."""
    is_white = not any(_BACKGROUND.search(str(tag["style"])) for tag in tree.find_all(style=True))
    for tag in tree.find_all(_has_style_or_hidden):
        if not tag.decomposed and (tag.has_attr("hidden") or _hides(str(tag.get("style", "")), is_white=is_white)):
            tag.decompose()


def _has_style_or_hidden(tag: Tag) -> bool:
    return tag.has_attr("style") or tag.has_attr("hidden")


def _hides(style: str, *, is_white: bool) -> bool:
    rules = _NOISE.sub("", html.unescape(style[:_MAX_STYLE]).lower())
    if _HIDING.search(rules) or (_NO_SIZE.search(rules) and _CLIPPED.search(rules)):
        return True
    color = _COLOR.search(rules)
    if color is None:
        return False
    background = _BACKGROUND.search(rules)
    behind = background.group(1) if background else "#ffffff" if is_white else ""
    return _named(color.group(1)) == _named(behind or "")


def _named(color: str) -> str:
    return _COLOR_NAMES.get(color, color)


def _has_prose(source: str) -> bool:
    """True if a comment holds words enough for an instruction. Conditional comments of Outlook do not count."""
    start = source.find("<!--")
    while start >= 0:
        end = source.find("-->", start)
        comment = source[start + 4 : end if end >= 0 else len(source)]
        if (
            not comment.startswith("[")
            and "<" not in comment
            and len(comment.split(None, _PROSE_WORDS)) >= _PROSE_WORDS
        ):
            return True
        start = source.find("<!--", end) if end >= 0 else -1
    return False
