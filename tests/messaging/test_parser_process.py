"""The confined parser: it answers, or it is replaced; whoever asks is never hurt."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from messaging.inbound import frames, parser_process
from messaging.mime.types import Parsed
from tests.letters import letter

F1_HANG = b"Content-Type:;ound" + b"9" * 67 + b"=AAA\r\n\r\nx"

BOMBS = {
    "the hang of F1": F1_HANG,
    "1,000 nested multiparts": b"".join(
        b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (i, i) for i in range(1000)
    ),
    "2,000 nested mails": b"Content-Type: message/rfc822\r\n\r\n" * 2000,
    "100,000 parts": b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + b"--b\r\n\r\nx\r\n" * 100_000,
    "16,000 recipients": b"To: " + b",".join(b"a%d@b.example" % i for i in range(16_000)) + b"\r\n\r\n",
    "100,000 headers": b"X: y\r\n" * 100_000 + b"\r\n",
    "a header of 24 MB": b"X: " + b"a" * 24_000_000 + b"\r\n\r\n",
    "8,000 encoded words": b"Subject: " + b"=?utf-8?q?a?= " * 8000 + b"\r\n\r\n",
    "32,000 quotes": b"From: " + b'"' * 32_000 + b"\r\n\r\n",
    "2,000 parentheses": b"To: " + b"(" * 2000 + b"\r\n\r\n",
    "unclosed tags": b"Content-Type: text/html\r\n\r\n" + b"<a " * 16_000 + b"<!--" * 64_000,
    "nothing": b"",
}
CRASHERS = (
    b"To:n@[", b"From:.:", b" \nMessage-ID:<", b"From:s@", b" \nContent-Type:;0*=\"'", b"Content-Type:/",
    b" \nContent-Type:charset=idna\no", b" \nDate:1 Jul 4 9:9999999999", b" \nContent-Type:multipart/\n\xe6",
)  # fmt: skip


def child_pid() -> int:
    parser_process.parse(letter())
    process = parser_process._of_this_process()._child
    assert process is not None
    return process.pid


def test_a_mail_is_read() -> None:
    parsed = parser_process.parse(letter(subject="Lunch?"))
    assert (parsed.subject, parsed.body_text, parsed.defects) == ("Lunch?", "Good day to you.", ())


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_answered_and_nobody_has_to_lose_patience(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        parser_process, "WALL_SECONDS", 120.0
    )  # the machine may be slow; the child's processor time counts
    parsed = parser_process.parse(BOMBS[name])
    assert isinstance(parsed, Parsed)
    assert parser_process.TIMEOUT not in parsed.defects


@pytest.mark.parametrize("raw", CRASHERS)
def test_what_crashes_the_standard_library_is_read_with_defects(raw: bytes) -> None:
    assert parser_process.parse(raw).defects


def test_the_child_is_kept_between_mails() -> None:
    assert child_pid() == child_pid()


def test_a_child_that_hangs_is_killed_and_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    first = child_pid()
    monkeypatch.setattr(parser_process, "WALL_SECONDS", 0.3)
    os.kill(first, signal.SIGSTOP)
    assert parser_process.parse(letter()).defects == ("timeout",)
    monkeypatch.undo()
    assert child_pid() != first
    assert not Path(f"/proc/{first}").exists()


def test_a_child_that_was_killed_meanwhile_costs_no_mail() -> None:
    os.kill(child_pid(), signal.SIGKILL)
    assert parser_process.parse(letter(subject="Still here")).subject == "Still here"


def test_a_mail_that_kills_its_parser_is_flagged(monkeypatch: pytest.MonkeyPatch) -> None:
    first = child_pid()
    monkeypatch.setattr(frames, "PARSE", "no such verb")  # the child raises: nobody foresaw this
    assert parser_process.parse(letter()).defects == ("parser_died",)
    monkeypatch.undo()
    assert child_pid() != first


def test_a_child_is_retired_when_it_has_read_many_mails(monkeypatch: pytest.MonkeyPatch) -> None:
    first = child_pid()
    monkeypatch.setattr(parser_process, "MAILS_PER_CHILD", 1)
    assert child_pid() != first


def test_the_child_is_confined_and_holds_no_secret() -> None:
    pid = child_pid()
    limits = Path(f"/proc/{pid}/limits").read_text()
    assert f"Max address space         {768 * 1024**2}" in limits
    assert "Max cpu time              unlimited" not in limits
    assert b"SECRET" not in Path(f"/proc/{pid}/environ").read_bytes()


def test_an_answer_with_a_foreign_type_is_refused() -> None:
    read_end, write_end = os.pipe()
    with open(write_end, "wb") as stream:
        frames.write(stream, ("answer", Path("/etc")))
    with open(read_end, "rb") as stream, pytest.raises(frames.Broken):
        frames.read(stream)


def test_the_content_of_a_part_is_read_in_the_child() -> None:
    raw = b'Content-Type: application/pdf; name="a.pdf"\r\nContent-Transfer-Encoding: base64\r\n\r\naGVsbG8=\r\n'
    (part,) = parser_process.parse(raw).attachments
    assert parser_process.attachment_content(raw, part.index) == b"hello"
    assert parser_process.attachment_content(raw, 99) is None
