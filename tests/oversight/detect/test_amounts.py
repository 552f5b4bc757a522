"""Sums of money in the notations of many countries, and numbers that are none."""

from __future__ import annotations

from decimal import Decimal

import pytest

from oversight.policy.detect import amounts
from oversight.policy.detect.plain import plain
from oversight.policy.types import Amount


def sums(text: str) -> list[tuple[Decimal, str]]:
    return [(one.value, one.currency) for one in amounts.find(plain(text))]


@pytest.mark.parametrize(
    ("text", "value", "currency"),
    [
        ("EUR 4.200,00", "4200", "EUR"),
        ("$1,000", "1000", ""),
        ("4 200 €", "4200", "EUR"),
        ("4\u202f200\u00a0€", "4200", "EUR"),
        ("1.5k USD", "1500", "USD"),
        ("4200EUR", "4200", "EUR"),
        ("usd 500", "500", "USD"),
        ("CHF 1'000.–", "1000", "CHF"),  # noqa: RUF001 - as the Swiss write it
        ("4.200,- €", "4200", "EUR"),
        ("US$ 1,234,567.89", "1234567.89", "USD"),
        ("$1,000 USD", "1000", "USD"),
        ("1,5 Mio. EUR", "1500000", "EUR"),
        ("€2m", "2000000", "EUR"),
        ("20 million dollars", "20000000", ""),
        ("₹1,00,000", "100000", "INR"),
        ("£0.50", "0.50", "GBP"),
        ("0.500 €", "0.5", "EUR"),
        ("1.500 €", "1500", "EUR"),
        ("1000 US dollars", "1000", "USD"),
        ("USD -500", "500", "USD"),
        ("12 EURO", "12", "EUR"),
        ("99,- kr", "99", ""),
        ("Total EUR\n4200", "4200", "EUR"),
        ("Total | EUR | 4200", "4200", "EUR"),
        ("price: 50 Euro-Schein", "50", "EUR"),
        ("\uff11\uff10\uff10\uff10 USD", "1000", "USD"),
        ("1\u200b0\u200b0\u200b0 USD", "1000", "USD"),
    ],
)
def test_a_sum_is_read_in_its_notation(text: str, value: str, currency: str) -> None:
    assert sums(text) == [(Decimal(value), currency)]


@pytest.mark.parametrize(
    "text",
    [
        "order 12345 of 2026",
        "at 10.30, 4.5% of 20",
        "version 1.2.3",
        "12,5 TEUR",
        "ALL 5 TOP 10 CUP 3",
        "call +49 30 901820",
        "XUSD 5",
        "5 Kilometer",
        "ten dollars",
    ],
)
def test_a_number_without_money_is_none(text: str) -> None:
    assert sums(text) == []


def test_of_many_sums_the_largest_are_kept_in_their_order() -> None:
    found = amounts.find(" ".join(f"${number}" for number in range(1, 200)))
    assert [int(one.value) for one in found] == list(range(150, 200))


def test_a_sum_tells_what_it_was_read_from() -> None:
    assert amounts.find("We pay EUR  4.200,00 today.") == (Amount(Decimal("4200.00"), "EUR", "EUR 4.200,00"),)
