"""Text as a reader takes it in, without what only hides something from a machine."""

from __future__ import annotations

import re
import unicodedata
from functools import cache

# No mail says anything by them inside of a word. Joiners are left in where people read, and taken out here.
_INVISIBLE = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f"
    "\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff9-\ufffb\U000e0000-\U000e0fff]"
)
LONGEST = 1024 * 1024


def plain(text: str, *, longest: int | None = LONGEST) -> str:
    """`text` without invisible characters; wide, bold and circled letters, digits and spaces are those of ASCII.

    No longer than `longest`; None cuts nothing.
    """
    if text.isascii():
        return text[:longest]
    shown = _INVISIBLE.sub("", text[:longest]).translate(_in_ascii())
    return unicodedata.normalize("NFC", shown)[:longest]


@cache
def _in_ascii() -> dict[int, str]:
    """What each character that is one of ASCII in another dress stands for, by Unicode's form NFKC."""
    codes = (*range(0x80, 0xD800), *range(0xE000, 0x10000), *range(0x1D400, 0x1FC00))
    dressed = ((code, unicodedata.normalize("NFKC", chr(code))) for code in codes)
    return {code: usual for code, usual in dressed if len(usual) == 1 and usual.isascii()}
