"""Numbers of payment cards: the ranges and lengths that issuers use, the usual groups, and Luhn's check digit."""

from __future__ import annotations

import re

_SEPARATORS = " -.\u2010\u2011\u2012\u2013"
# As printed, as typed without a gap, or digit by digit. Neither a letter nor a digit stands beside it, nor the "+" of a
# telephone number.
_CARD = re.compile(
    rf"(?<![\w+])(?<!\d[{_SEPARATORS}])(?:\d{{14,19}}|\d{{4}}([{_SEPARATORS}])\d{{4}}\1\d{{4}}\1\d{{4}}(?:\1\d{{1,3}})?"
    rf"|\d{{4}}([{_SEPARATORS}])\d{{6}}\2\d{{4,5}}|\d(?:[{_SEPARATORS}]\d){{13,18}})(?![\w])(?![{_SEPARATORS}]\d)"
)
# First digits (from, to), and how many digits such a number has.
_RANGES = (
    (34, 34, {15}), (37, 37, {15}),
    (4, 4, {16, 19}),
    (51, 55, {16}), (2221, 2720, {16}),
    (6011, 6011, {16, 19}), (644, 649, {16, 19}), (65, 65, {16, 19}),
    (3528, 3589, {16, 19}),
    (300, 305, {14}), (36, 36, {14}), (38, 39, {14}),
    (62, 62, {16, 17, 18, 19}),
)  # fmt: skip


def is_present(text: str) -> bool:
    """True if a number stands in `text` that may be a card's."""
    return any(is_card(re.sub(r"\D", "", found.group())) for found in _CARD.finditer(text))


def is_card(digits: str) -> bool:
    """True for a number of an issuer's range and length whose check digit is right."""
    return _has_issuer(digits) and _luhn(digits) and len(set(digits)) > 1


def _has_issuer(digits: str) -> bool:
    return any(
        len(digits) in lengths and first <= int(digits[: len(str(first))]) <= last for first, last, lengths in _RANGES
    )


def _luhn(digits: str) -> bool:
    doubled = (int(digit) * 2 for digit in digits[-2::-2])
    return (sum(map(int, digits[-1::-2])) + sum(number - 9 if number > 9 else number for number in doubled)) % 10 == 0
