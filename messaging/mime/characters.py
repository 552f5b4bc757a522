"""Characters that do harm in headers, names and text: controls, bidirectional overrides, invisible ones."""

from __future__ import annotations

import re
import unicodedata

# C0, DEL, C1 and the two separators that some programs take for line ends.
CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")
BIDI = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
SURROGATE = re.compile("[\ud800-\udfff]")

# Joiners (U+200C, U+200D) are left out: names in Persian and Hindi and joined emoji need them.
_INVISIBLE = re.compile(
    "[\u00ad\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b\u2060-\u2065\u206a-\u206f\u3164\ufeff\uffa0\ufff9-\ufffb"
    "\U000e0000-\U000e01ef]"
)
_VARIATION = re.compile("[\ufe00-\ufe0f]")

# Tag characters write text nobody sees; as the tail of a black flag they are the flags of England, Scotland, Wales.
_TAGS = re.compile("(\U0001f3f4[\U000e0030-\U000e0039\U000e0061-\U000e007a]{3,6}\U000e007f)|[\U000e0000-\U000e007f]+")
_C0_BUT_TAB_AND_NEWLINE = re.compile("[\x00-\x08\x0b-\x1f\x7f]")


def is_all_visible(text: str) -> bool:
    """True if every character of `text` prints: no space, control, format, unassigned or invisible one."""
    if text.isascii():
        return text.isprintable() and " " not in text
    if _INVISIBLE.search(text) or _VARIATION.search(text):
        return False
    return all(unicodedata.category(character)[0] not in "CZ" for character in text)


def strip_tags(text: str) -> tuple[str, bool]:
    """`text` without tag characters (U+E0000 to U+E007F), and whether there were any."""
    if text.isascii():
        return text, False
    stripped = _TAGS.sub(lambda found: found.group(1) or "", text)
    return stripped, stripped != text


def storable(text: str) -> str:
    """`text` as PostgreSQL can keep it: without NUL, lone surrogates replaced."""
    return SURROGATE.sub("\ufffd", text.replace("\x00", ""))


def readable(text: str) -> str:
    """`text` with newlines as LF and no other control character than tab: safe to show in a terminal."""
    unix = text.replace("\r\n", "\n").replace("\r", "\n")
    return storable(_C0_BUT_TAB_AND_NEWLINE.sub("", unix))


def one_line(text: str) -> str:
    """`text` as one header line: every control character or line end becomes a space, runs of space collapse."""
    return storable(" ".join(CONTROL.sub(" ", text).split()))
