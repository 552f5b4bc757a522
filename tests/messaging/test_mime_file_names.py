"""File names that came by mail become names one can show, store and send (reliability A08)."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from messaging.mime.file_names import is_deceptive, safe


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("report.pdf", "report.pdf"),
        ("Vertrag f\u00fcr Cora.pdf", "Vertrag f\u00fcr Cora.pdf"),
        ("../../etc/passwd", "passwd"),
        ("..\\..\\x", "x"),
        ("C:\\Users\\x\\a.doc", "a.doc"),
        ('a"\r\nBcc: z', "a___Bcc_ z"),
        ("CON", "_CON"),
        ("con.txt", "_con.txt"),
        ("contract.txt", "contract.txt"),
        ("LPT1.log", "_LPT1.log"),
        (".htaccess", "_htaccess"),
        ("...", "attachment-3.pdf"),
        ("\u202egnp.exe", "_gnp.exe"),
        ("a\u200bb.txt", "a_b.txt"),
        ("a\x00b.txt", "ab.txt"),
        ("%2e%2e%2fx", "_2e_2e_2fx"),
        ("", "attachment-3.pdf"),
        ("/", "attachment-3.pdf"),
        ("a/", "attachment-3.pdf"),
        ("x.html;.png", "x.html_.png"),
        ("a.", "a"),
        ("n" * 300 + ".pdf", "n" * 146 + ".pdf"),
        ("n" * 300, "n" * 150),
        ("a\ud800b", "a\ufffdb"),
        ("cafe\u0301.txt", "caf\u00e9.txt"),
    ],
    ids=ascii,
)
def test_a_written_name_becomes_a_safe_one(written: str, name: str) -> None:
    assert safe(written, content_type="application/pdf", number=3) == name


def test_a_name_that_turns_its_direction_is_deceptive() -> None:
    assert is_deceptive("cod\u202egpj.exe")
    assert not is_deceptive("code.jpg")


@given(st.text(max_size=200))
@settings(deadline=None, max_examples=200)
def test_any_name_becomes_safe_and_stays_so(written: str) -> None:
    name = safe(written)
    assert 1 <= len(name) <= 150
    assert not re.search(r'[\x00-\x1f\x7f/\\:*?"<>|%;]', name)
    assert not name.startswith(".")
    name.encode()
    assert safe(name) == name
