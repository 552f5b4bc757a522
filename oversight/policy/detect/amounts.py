"""Sums of money, in the notations of many countries. Where one may be read as two sums, it is the larger."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from heapq import nlargest

from oversight.policy.types import Amount

MOST = 50  # kept of one message: the largest
SNIPPET = 60

# Signs that several countries use say no currency.
_SIGNS = {
    "€": "EUR", "£": "GBP", "₹": "INR", "₽": "RUB", "₩": "KRW", "₺": "TRY", "₴": "UAH", "₫": "VND", "₪": "ILS",
    "₱": "PHP", "₦": "NGN", "฿": "THB", "₿": "BTC", "$": "", "¥": "", "US$": "USD", "A$": "AUD", "AU$": "AUD",
    "C$": "CAD", "CA$": "CAD", "NZ$": "NZD", "HK$": "HKD", "S$": "SGD", "R$": "BRL", "NT$": "TWD", "kr": "",
    "Kč": "CZK", "zł": "PLN", "Ft": "HUF", "lei": "RON", "Fr.": "CHF", "SFr.": "CHF", "Rs": "INR", "Rs.": "INR",
}  # fmt: skip
_WORDS = {
    "euro": "EUR", "euros": "EUR", "dollar": "", "dollars": "", "us dollar": "USD", "us dollars": "USD",
    "pound sterling": "GBP", "pounds sterling": "GBP", "pounds": "GBP", "quid": "GBP", "yen": "JPY", "yuan": "CNY",
    "renminbi": "CNY", "rupees": "INR", "rubles": "RUB", "swiss francs": "CHF", "francs": "", "franken": "CHF",
    "kronen": "", "kroner": "", "kronor": "SEK", "zloty": "PLN", "pesos": "", "bitcoin": "BTC", "bitcoins": "BTC",
    "eur": "EUR", "usd": "USD", "gbp": "GBP", "chf": "CHF", "usdt": "USDT",
}  # fmt: skip
# Without codes that are English words in capitals (ALL, TOP, CUP, SOS).
_CODES = frozenset(
    re.findall(
        r"\w+",
        "AED ARS AUD BGN BHD BRL BTC CAD CHF CLP CNH CNY COP CZK DKK EGP ETH EUR GBP GHS HKD HUF IDR ILS INR ISK JOD "
        "JPY KES KRW KWD KZT LKR MAD MXN MYR NGN NOK NZD PEN PHP PKR PLN QAR RON RSD RUB SAR SEK SGD THB TND TRY TWD "
        "UAH UGX USD USDC USDT UYU VND XAF XOF ZAR",
    )
)
_TIMES = {
    "k": 3, "thousand": 3, "tsd": 3, "m": 6, "mn": 6, "mm": 6, "mio": 6, "mln": 6, "million": 6, "millions": 6,
    "millionen": 6, "b": 9, "bn": 9, "mrd": 9, "billion": 9, "billions": 9, "milliarden": 9,
}  # fmt: skip

_SIGN = "|".join(re.escape(sign) for sign in sorted(_SIGNS, key=len, reverse=True))
_WORD = "|".join(re.escape(word) for word in sorted(_WORDS, key=len, reverse=True))
_TIME = "|".join(sorted(_TIMES, key=len, reverse=True))
_NAMES = rf"(?P<sign{{0}}>{_SIGN})|(?P<word{{0}}>(?i:{_WORD})(?![^\W\d_]))|(?P<code{{0}}>[A-Z]{{{{3,4}}}})"
# Bounded everywhere: what is longer is no sum of money. What follows is looked at and not taken: in "$5 $6" the second
# sign is the second sum's.
_SUM = re.compile(
    rf"(?:(?<![^\W\d_])(?P<before>{_NAMES.format(1)})[\s:|]{{0,3}}[-+(]?[ ]?)?"
    r"(?<![\d.,])(?P<number>\d{1,3}(?:[ ,.'\u2019]\d{2,3}){0,5}[ ,.'\u2019]\d{3}(?:[.,]\d{1,2})?"
    r"|\d{1,15}(?:[.,]\d{1,9})?)(?!\d)"
    rf"(?=(?P<after>(?:[.,][-\u2013\u2014]{{1,2}})?[ -]{{0,2}}(?:(?P<times>(?i:{_TIME}))\b\.?)?"
    rf"[ -]{{0,2}}(?:of )?(?:(?:{_NAMES.format(2)})(?![^\W\d_]))?))"
)
_NAMED = ("sign1", "word1", "code1", "sign2", "word2", "code2")
_GROUPS = re.compile(r"[ ,.'\u2019]")


def find(text: str) -> tuple[Amount, ...]:
    """The sums in `text`, in its order, at most MOST: where there are more, the largest. Total."""
    found = list(_sums(text))
    if len(found) > MOST:
        kept = nlargest(MOST, range(len(found)), key=lambda place: found[place].value)
        found = [found[place] for place in sorted(kept)]
    return tuple(dict.fromkeys(Amount(one.value, one.currency, _snippet(text, one)) for one in found))


@dataclass(frozen=True, slots=True)
class _Sum:
    """A sum, and where in the text it stands: most of a hostile text's are never told."""

    value: Decimal
    currency: str
    start: int
    end: int


def _sums(text: str) -> Iterator[_Sum]:
    for found in _SUM.finditer(text):
        named = found.group(*_NAMED)
        if not any(named):
            continue
        before, after = _currency(*named[:3]), _currency(*named[3:])
        if after is None and before is None:
            continue
        value = value_of(found["number"])
        if found["times"]:
            value = Decimal(f"{value.scaleb(_TIMES[found['times'].lower()]):f}")
        start = found.start() if before is not None else found.start("number")
        yield _Sum(value, after or before or "", start, found.end("after"))


def _snippet(text: str, one: _Sum) -> str:
    return " ".join(text[one.start : one.end].split())[:SNIPPET]


@lru_cache(maxsize=1024)
def value_of(number: str) -> Decimal:
    """The value of digits with separators: the last one parts decimals, unless three digits follow it."""
    marks = _GROUPS.findall(number)
    if not marks:
        return Decimal(number)
    head, mark, tail = number.rpartition(marks[-1])
    is_decimal = mark in ".," and (len(tail) != 3 or head.strip("0") == "") and marks.count(mark) == 1
    digits = _GROUPS.sub("", head)
    return Decimal(f"{digits}.{tail}" if is_decimal else f"{digits}{tail}")


def _currency(sign: str | None, word: str | None, code: str | None) -> str | None:
    """The currency that was named, "" for a sign of many; None where none was."""
    if sign:
        return _SIGNS[sign]
    if word:
        return _WORDS[word.lower()]
    return code if code in _CODES else None
