"""Names before an address of ours: honest ones are kept, those that could deceive are refused."""

from __future__ import annotations

import pytest

from mailboxes import display_names
from mailboxes.errors import Invalid


@pytest.mark.parametrize(
    ("given_name", "expected"),
    [
        ("", ""),
        ("Rhea  Review ", "Rhea Review"),
        ("Zo\u00eb", "Zo\u00eb"),
        ("Zoe\u0308", "Zo\u00eb"),
        ('Joe "Mac" Doe', 'Joe "Mac" Doe'),
        ("Sales, EMEA", "Sales, EMEA"),
        ("\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645", "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645"),
    ],
)
def test_a_display_name_is_kept_when_it_is_honest(given_name: str, expected: str) -> None:
    assert display_names.check(given_name) == expected


@pytest.mark.parametrize(
    "given_name",
    [
        "support@bank.example",
        "support\uff20bank.example",
        "support\ufe6bbank.example",
        "\u202eknab",
        "\u2066bank",
        "Bank\u200f",
        "Bank\u200b",
        "Bank\u00ad",
        "Bank\U000e0041",
        "Bank <x>",
        "Bank>",
        "=?utf-8?q?Bank?=",
        "Bank\r\nBcc: v",
        "Bank\x00",
        "Bank\x85",
        "Bank\u2028",
        "Bank\ud800",
        "B" * 256,
        "B" * 10_000,
    ],
    ids=ascii,
)
def test_a_display_name_is_refused_when_it_could_deceive(given_name: str) -> None:
    with pytest.raises(Invalid) as refusal:
        display_names.check(given_name)
    assert refusal.value.code == "invalid_display_name"
