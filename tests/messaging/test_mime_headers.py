"""Custom headers and subjects: kept, dropped by name, or refused (reliability A01 to A03, note 6)."""

from __future__ import annotations

import pytest

from messaging.mime.headers import check_subject, filter_headers
from messaging.mime.refusals import HeaderRefused

SEPARATORS = ["\r\n", "\n", "\r", "\x00", "\x0b", "\x0c", "\x1b", "\x7f", "\x85", "\u2028", "\u2029", "\ud800"]


def test_custom_and_unsubscribe_headers_are_kept_with_their_spelling() -> None:
    headers = {
        "X-Custom-Trace": " 17 ",
        "x-lower": "ja, wohl",
        "X-Gruss": "Gr\u00fc\u00dfe",
        "List-Unsubscribe": "<https://u.example/1?a=b,c>, <mailto:u@b.example?subject=off>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
    }
    kept, dropped = filter_headers(headers)
    assert kept == tuple((name, value.strip()) for name, value in headers.items())
    assert dropped == ()


OWNED_BY_THE_PLATFORM = [
    *("From", "To", "Cc", "Bcc", "bcc", "BCC", "Sender", "Reply-To", "Subject", "Date", "Message-ID", "In-Reply-To"),
    *(
        "References",
        "MIME-Version",
        "Content-Type",
        "DKIM-Signature",
        "Return-Path",
        "Received",
        "Resent-Bcc",
        "List-Id",
    ),
    *("Auto-Submitted", "Authentication-Results", "X-"),
]


@pytest.mark.parametrize("name", OWNED_BY_THE_PLATFORM)
def test_a_header_of_ours_is_dropped_and_named_when_supplied(name: str) -> None:
    assert filter_headers({name: "z@e.example", "X-A": "1"}) == ((("X-A", "1"),), (name,))


@pytest.mark.parametrize(
    "name",
    [
        "X-SMTPAPI",
        "X-MC-BccAddress",
        "x-mailgun-recipient-variables",
        "X-MSYS-API",
        "X-SES-CONFIGURATION-SET",
        "X-PM-Tag",
    ],
)
def test_a_command_to_a_relay_is_dropped_and_named_when_supplied(name: str) -> None:
    assert filter_headers({name: "z@e.example"}) == ((), (name,))


@pytest.mark.parametrize(
    "name",
    [
        "",
        "X-A\r\nBcc: v@e\r\nX-B",
        "bcc ",
        " X-A",
        "X A",
        "X-A:",
        "\uff22cc",
        "X-\u00c4",
        "X-A\x00",
        "X-A\n",
        "X_A",
        "X-" + "a" * 63,
    ],
    ids=ascii,
)
def test_a_header_name_is_refused_when_it_is_malformed(name: str) -> None:
    with pytest.raises(HeaderRefused, match="letters, digits and hyphens"):
        filter_headers({name: "1"})


@pytest.mark.parametrize("separator", SEPARATORS, ids=ascii)
@pytest.mark.parametrize("name", ["X-A", "Bcc", "List-Unsubscribe"])
def test_a_header_value_is_refused_when_it_could_end_the_line(name: str, separator: str) -> None:
    with pytest.raises(HeaderRefused):
        filter_headers({name: f"a{separator}Bcc: v@e.example"})


@pytest.mark.parametrize("value", ["=?utf-8?q?x?=", "a =?x", "v" * 901])
def test_a_header_value_is_refused_when_it_is_encoded_or_too_long(value: str) -> None:
    with pytest.raises(HeaderRefused):
        filter_headers({"X-A": value})


@pytest.mark.parametrize(
    "headers",
    [
        {"List-Unsubscribe": "https://u.example"},
        {"List-Unsubscribe": "<javascript:alert(1)>"},
        {"List-Unsubscribe": "<https://u.example>>"},
        {"List-Unsubscribe": "<https://u.example/\u00fc>"},
        {"List-Unsubscribe-Post": "Anything=Else"},
        {"X-A": "1", "x-a": "2"},
        {f"X-{number}": "1" for number in range(51)},
    ],
    ids=lambda headers: ascii(next(iter(headers.items()))),
)
def test_headers_are_refused_when_their_form_is_wrong(headers: dict[str, str]) -> None:
    with pytest.raises(HeaderRefused):
        filter_headers(headers)


@pytest.mark.parametrize(
    "subject", ["Hi", "A =?UTF-8?Q?x=0D=0ABcc:_v@e.example?= t", "s" * 998, "Gr\u00fc\u00dfe \u2709\ufe0f"]
)
def test_a_subject_passes_when_it_is_one_line(subject: str) -> None:
    assert check_subject(subject) == subject


@pytest.mark.parametrize(
    "subject", ["", "   ", "s" * 999, *(f"Hi{separator}Bcc: v@e.example" for separator in SEPARATORS)], ids=ascii
)
def test_a_subject_is_refused_when_it_is_not_one_line(subject: str) -> None:
    with pytest.raises(HeaderRefused):
        check_subject(subject)
