"""Bytes are fit for the wire, or nothing sends them (reliability F3, F4, F7)."""

from __future__ import annotations

import pytest

from messaging.mime.refusals import WireDefect
from messaging.mime.wire import check_wire
from tests.messaging.mime_samples import wire

GOOD = wire()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"Hi Bob,\r\n", b"Hi Bob,\n"),
        (b"Hi Bob,", b"Hi\rBob,"),
        (b"Hi Bob,", b"Hi\x00Bob,"),
        (b"Hi Bob,", b"Hi \xc3\xbc"),
        (b"Hi Bob,", b"x" * 999),
        (b"bye.\r\n", b"bye."),
        (b"Subject: Hello\r\n", b""),
        (b"Subject: Hello\r\n", b"Subject: Hello\r\nSubject: Again\r\n"),
        (b"Subject: Hello\r\n", b"Subject: Hello\r\n \r\n"),
        (b"Subject: Hello\r\n", b"Subject: Hello\r\nBcc: v@e.example\r\n"),
        (b"Subject: Hello\r\n", b"Subject: Hello\r\nBcc : v@e.example\r\n"),
        (b"Subject: Hello\r\n", b"Subject: Hello\r\nno header\r\n"),
        (b"Subject: Hello\r\n", b"Subject: Hello\r\nResent-To: v@e.example\r\n"),
        (b"Date:", b"From: x@e.example\r\nDate:"),
        (b"To:", b"To: x@e.example\r\nTo:"),
        (b"\r\n\r\n", b"\r\n"),
        (b"From:", b"\r\nFrom:"),
    ],
)
def test_bytes_are_not_fit_for_the_wire_when_one_thing_is_wrong(old: bytes, new: bytes) -> None:
    check_wire(GOOD)
    with pytest.raises(WireDefect):
        check_wire(GOOD.replace(old, new, 1))


def test_empty_bytes_are_not_fit_for_the_wire() -> None:
    for raw in (b"", b"\r\n", b"\r\n\r\n"):
        with pytest.raises(WireDefect):
            check_wire(raw)


@pytest.mark.parametrize("before", [[], [0], [1, 996], [998, 998], [76] * 13, [500, 498], [997] * 3])
def test_a_line_may_have_998_octets_wherever_it_stands_and_no_more(before: list[int]) -> None:
    lines = b"".join(b"x" * length + b"\r\n" for length in before)
    check_wire(GOOD + lines + b"y" * 998 + b"\r\n" + lines)
    for rest in (b"\r\n", b"\r\n" + lines):
        with pytest.raises(WireDefect):
            check_wire(GOOD + lines + b"y" * 999 + rest)
