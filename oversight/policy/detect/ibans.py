"""International bank account numbers (ISO 13616): the length of the country, and the remainder of 97."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from string import ascii_uppercase

_LENGTHS = {
    "AD": 24, "AE": 23, "AL": 28, "AT": 20, "AZ": 28, "BA": 20, "BE": 16, "BG": 22, "BH": 22, "BI": 27, "BR": 29,
    "BY": 28, "CH": 21, "CR": 22, "CY": 28, "CZ": 24, "DE": 22, "DJ": 27, "DK": 18, "DO": 28, "EE": 20, "EG": 29,
    "ES": 24, "FI": 18, "FK": 18, "FO": 18, "FR": 27, "GB": 22, "GE": 22, "GI": 23, "GL": 18, "GR": 27, "GT": 28,
    "HR": 21, "HU": 28, "IE": 22, "IL": 23, "IQ": 23, "IS": 26, "IT": 27, "JO": 30, "KW": 30, "KZ": 20, "LB": 28,
    "LC": 32, "LI": 21, "LT": 20, "LU": 20, "LV": 21, "LY": 25, "MC": 27, "MD": 24, "ME": 22, "MK": 19, "MN": 20,
    "MR": 27, "MT": 31, "MU": 30, "NI": 28, "NL": 18, "NO": 15, "OM": 23, "PK": 24, "PL": 28, "PS": 29, "PT": 25,
    "QA": 29, "RO": 24, "RS": 22, "RU": 33, "SA": 24, "SC": 31, "SD": 18, "SE": 24, "SI": 19, "SK": 24, "SM": 27,
    "SO": 23, "ST": 25, "SV": 28, "TL": 23, "TN": 24, "TR": 26, "UA": 29, "VA": 22, "VG": 24, "XK": 20, "YE": 30,
}  # fmt: skip
_START = re.compile(r"(?<![A-Za-z0-9])([A-Za-z]{2})[ -]?(\d[ -]?\d)")
_BARE = dict.fromkeys(map(ord, " -.\u2010\u2011\u2012\u2013"))
_AS_NUMBERS = {ord(letter): str(number) for number, letter in enumerate(ascii_uppercase, 10)}


def find(text: str) -> Iterator[tuple[int, int]]:
    """Where in `text` such numbers stand: (start, end)."""
    for start in _START.finditer(text):
        length = _LENGTHS.get(start.group(1).upper())
        end = _end(text, start.start(), length) if length else None
        if end is not None and _is_right(text[start.start() : end].translate(_BARE)):
            yield start.start(), end


def without(text: str) -> str:
    """`text` without them: the digits of an account are no card."""
    pieces, position = [], 0
    for start, end in find(text):
        if start >= position:
            pieces.append(text[position:start])
            position = end
    return "".join([*pieces, text[position:]]) if position else text


def _end(text: str, start: int, length: int) -> int | None:
    """Where `length` letters and digits end, with single separators among them; None where they do not stand there."""
    found = _written(length).match(text, start)
    return found.end() if found else None


@cache
def _written(length: int) -> re.Pattern[str]:
    return re.compile(rf"[A-Za-z](?:[ \-.\u2010-\u2013]?[A-Za-z0-9]){{{length - 1}}}(?![A-Za-z0-9])")


def _is_right(iban: str) -> bool:
    turned = (iban[4:] + iban[:4]).upper()
    return int(turned.translate(_AS_NUMBERS)) % 97 == 1
