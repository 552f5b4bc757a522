"""Words in a text: lists that come with the house, and finding words however they are disguised."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache

LISTS: dict[str, tuple[str, ...]] = {
    "promises": (
        *("guarantee", "guaranteed", "we promise", "i promise", "we commit", "legally binding", "full refund"),
        *("we will refund", "free of charge", "we accept liability", "we are liable", "we agree to", "no risk"),
        *("risk-free", "without obligation", "contract is concluded", "garantiert", "wir garantieren"),
        *("wir versprechen", "rechtsverbindlich", "verbindliche zusage", "wir haften", "wir erstatten", "kostenlos"),
    ),
    "regulated": (
        *("investment advice", "guaranteed return", "insider", "securities", "loan offer", "credit offer"),
        *("diagnosis", "prescription", "medical advice", "dosage", "patient", "legal advice", "attorney-client"),
        *("social security number", "passport number", "tax advice", "insurance claim", "anlageberatung"),
        *("diagnose", "rezept", "rechtsberatung", "steuerberatung", "insiderinformation", "kredit"),
    ),
}
_SPACE = re.compile(r"\s+")


def find(text: str, words: Sequence[str]) -> tuple[str, ...]:
    """Which of the words stand in the text, as whole words, whatever their case, width or hidden characters."""
    hits = _pattern(tuple(words)).findall(plain(text))
    return tuple(dict.fromkeys(hits))


def plain(text: str) -> str:
    """One spelling for comparing: compatible forms are one, marks and invisible characters are gone."""
    decomposed = unicodedata.normalize("NFKD", text).casefold()
    seen = (one for one in decomposed if unicodedata.category(one) not in ("Cf", "Mn", "Me"))
    return _SPACE.sub(" ", "".join(seen))


@lru_cache(maxsize=256)
def _pattern(words: tuple[str, ...]) -> re.Pattern[str]:
    # Longest first, so that of two that begin alike the whole one is told.
    spelled = sorted({plain(word).strip() for word in words}, key=len, reverse=True)
    return re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, spelled))})(?!\w)")
