"""Names that stand before an address of ours, and may not pass for something else (reliability, A06)."""

from __future__ import annotations

import re
import unicodedata

from .errors import Invalid

MAX_LENGTH = 255

# Line ends, controls, halves of surrogates; direction overrides; characters that nobody sees. Joiners (U+200C, U+200D)
# are left out: names in Persian and Hindi need them.
_HIDING = (
    "\x00-\x1f\x7f-\x9f\u2028\u2029"
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"
    "\u00ad\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b\u2060-\u2065\u206a-\u206f\u3164\ufeff\uffa0\ufff9-\ufffb"
    "\U000e0000-\U000e01ef"
)
_UNREADABLE = re.compile(f"[{_HIDING}\ud800-\udfff]")
# Three at-signs and the brackets make an address of it, "=?" an encoded word.
_LIKE_AN_ADDRESS = re.compile("[@\uff20\ufe6b<>]|=\\?")
# The same for the API's documentation.
PATTERN = f"^(?![\\s\\S]*=\\?)[^{_HIDING}@\uff20\ufe6b<>]*$"


def check(name: str) -> str:
    """The name as it will be shown: NFC, single spaces; "" for none. Raises Invalid if it could deceive."""
    shown = unicodedata.normalize("NFC", " ".join(name.split())) if not _UNREADABLE.search(name) else None
    if shown is None or len(shown) > MAX_LENGTH or _LIKE_AN_ADDRESS.search(shown):
        raise Invalid(
            "The display name is too long, looks like an address, or holds characters that hide what it says.",
            code="invalid_display_name",
            fix=f"Use up to {MAX_LENGTH} visible characters, without '@', '<' and '>'.",
        )
    return shown
