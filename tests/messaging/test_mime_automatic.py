"""Mail by machines is known as such, so that no loop begins (reliability I32)."""

from __future__ import annotations

import pytest

from messaging.mime.automatic import is_automatic


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Auto-Submitted", "auto-replied"),
        ("Auto-Submitted", "auto-generated; owner-email=x"),
        ("AUTO-SUBMITTED", "Auto-Notified (comment)"),
        ("Precedence", "bulk"),
        ("Precedence", "junk"),
        ("precedence", " List "),
        ("X-Precedence", "auto_reply"),
        ("List-Id", "<x.list.example>"),
        ("List-Unsubscribe", "<https://u.example>"),
        ("List-Post", "NO"),
        ("X-Auto-Response-Suppress", "All"),
        ("X-Auto-Response-Suppress", "DR, OOF, AutoReply"),
        ("X-Autoreply", "yes"),
        ("X-Autorespond", ""),
        ("Content-Type", "multipart/report; report-type=disposition-notification"),
    ],
)
def test_a_mail_is_automatic_when_a_header_says_so(name: str, value: str) -> None:
    assert is_automatic([("From", "a@b.example"), (name, value)])


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Auto-Submitted", "no"),
        ("Auto-Submitted", "No (really)"),
        ("Auto-Submitted", ""),
        ("Precedence", "first-class"),
        ("X-Auto-Response-Suppress", "DR, RN, NRN"),
        ("Content-Type", "multipart/mixed"),
        ("Listen", "x"),
        ("Subject", "Auto-Submitted: auto-replied"),
    ],
)
def test_a_mail_is_a_persons_otherwise(name: str, value: str) -> None:
    assert not is_automatic([("From", "a@b.example"), (name, value)])


def test_a_mail_that_passed_too_many_hosts_is_a_loop() -> None:
    assert not is_automatic([("Received", "x")] * 50)
    assert is_automatic([("Received", "x")] * 51)
