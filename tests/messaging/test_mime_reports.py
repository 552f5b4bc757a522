"""Bounces and complaints: read for what they say, never trusted (reliability A29, A30)."""

from __future__ import annotations

import pytest

from messaging.mime.defects import Defect
from messaging.mime.parse import parse
from messaging.mime.types import Report, ReportKind
from tests.messaging.mime_samples import sample

TOKEN = "a" * 48


def delivery_status(*blocks: str, original: str = "Message-ID: <1@agents.example>") -> bytes:
    status = "\r\n\r\n".join(["Reporting-MTA: dns; mx.b.example", *blocks])
    return (
        "From: mailer-daemon@b.example\r\n"
        "Content-Type: multipart/report; report-type=delivery-status; boundary=x\r\n\r\n"
        "--x\r\nContent-Type: text/plain\r\n\r\nIt did not work.\r\n"
        f"--x\r\nContent-Type: message/delivery-status\r\n\r\n{status}\r\n"
        f"--x\r\nContent-Type: message/rfc822\r\n\r\n{original}\r\n\r\nbody\r\n--x--\r\n"
    ).encode()


def block(recipient: str = "bob@b.example", action: str = "failed", status: str = "5.1.1") -> str:
    return f"Final-Recipient: rfc822; {recipient}\r\nAction: {action}\r\nStatus: {status}"


def report_of(raw: bytes) -> Report:
    report = parse(raw).report
    assert report is not None
    return report


def test_a_bounce_tells_whom_why_and_which_mail() -> None:
    report = report_of(sample("postfix_bounce"))
    assert report == Report(
        kind=ReportKind.BOUNCE,
        recipients=("nobody@gone.example",),
        status="5.1.1",
        diagnostic="smtp; 550 5.1.1 <nobody@gone.example>: Recipient address rejected: User unknown",
        original_message_id="<0196b0aa@agents.example>",
        token=TOKEN,
    )


def test_a_complaint_tells_who_and_which_mail() -> None:
    report = report_of(sample("abuse_report"))
    assert report == Report(
        kind=ReportKind.COMPLAINT,
        recipients=("reader@complaints.example",),
        diagnostic="abuse",
        original_message_id="<0196b1cc@agents.example>",
        token="b" * 48,
    )


@pytest.mark.parametrize(
    ("action", "kind"),
    [
        ("failed", ReportKind.BOUNCE),
        ("FAILED (final)", ReportKind.BOUNCE),
        ("delayed", ReportKind.DELAY),
        ("delivered", ReportKind.DELIVERED),
        ("relayed", ReportKind.DELIVERED),
        ("expanded", ReportKind.DELIVERED),
    ],
)
def test_the_action_is_the_kind(action: str, kind: ReportKind) -> None:
    assert report_of(delivery_status(block(action=action))).kind is kind


def test_of_several_recipients_the_gravest_outcome_counts_and_names_only_its_own() -> None:
    raw = delivery_status(
        block("ok@b.example", "delivered", "2.0.0"),
        block("slow@b.example", "delayed", "4.4.1"),
        block("gone@b.example", "failed", "5.1.1"),
        block("GONE@b.example", "failed", "5.1.1"),
    )
    report = report_of(raw)
    assert (report.kind, report.recipients, report.status) == (ReportKind.BOUNCE, ("gone@b.example",), "5.1.1")


@pytest.mark.parametrize(
    "blocks",
    [(), ("Final-Recipient: rfc822; bob@b.example",), (block(action="unheard-of"),), ("Action:",)],
)
def test_a_report_without_an_action_is_none(blocks: tuple[str, ...]) -> None:
    assert parse(delivery_status(*blocks)).report is None


@pytest.mark.parametrize(
    "recipient",
    ["nobody", "a@b.example, c@d.example", "a%b@c.example", '"x"@b.example', "x" * 5_000, "\x00@b.example", ""],
)
def test_a_recipient_that_is_no_address_is_left_out(recipient: str) -> None:
    report = report_of(delivery_status(block(recipient)))
    assert (report.kind, report.recipients) == (ReportKind.BOUNCE, ())


def test_a_thousand_recipients_are_cut_to_a_hundred() -> None:
    assert (
        len(report_of(delivery_status(*(block(f"a{number}@b.example") for number in range(1_000)))).recipients) == 100
    )


@pytest.mark.parametrize(
    ("return_path", "token"),
    [
        (f"<b+{TOKEN}@agents.example>", TOKEN),
        (f"B+{TOKEN.upper()}@agents.example", TOKEN),
        ("<>", None),
        ("<alice@agents.example>", None),
        (f"<b+{TOKEN}x@agents.example>", None),
        (f"<x+{TOKEN}@agents.example>", None),
        (f"<b+{'0' * 48}@agents.example>", None),
    ],
)
def test_a_token_is_taken_from_the_return_path_of_the_original_only(return_path: str, token: str | None) -> None:
    original = f"Return-Path: {return_path}\r\nMessage-ID: <1@agents.example>\r\nX-Token: b+{TOKEN}@agents.example"
    assert report_of(delivery_status(block(), original=original)).token == token


def test_a_failure_told_in_prose_is_a_guess_without_token() -> None:
    raw = (
        b"From: MAILER-DAEMON@b.example\r\nSubject: failure notice\r\n\r\n"
        b"Hi. This is the qmail-send program at b.example.\r\n"
        b"I'm afraid I wasn't able to deliver your message to the\r\n"
        b"following addresses.\r\n\r\n<bob@b.example>:\r\nSorry, no mailbox here by that name. (#5.1.1)\r\n\r\n"
        b"--- Below this line is a copy of the message.\r\n\r\nReturn-Path: <b+"
        + TOKEN.encode()
        + b"@agents.example>\r\n"
    )
    assert report_of(raw) == Report(kind=ReportKind.BOUNCE, recipients=("bob@b.example",))
    assert parse(raw.replace(b"MAILER-DAEMON", b"mallory")).report is None


@pytest.mark.parametrize("kind", ["not-spam", "auth-failure", "dmarc"])
def test_feedback_that_is_no_complaint_is_none(kind: str) -> None:
    raw = sample("abuse_report").replace(b"Feedback-Type: abuse", b"Feedback-Type: " + kind.encode())
    assert parse(raw).report is None


@pytest.mark.parametrize("charset", ["utf-8", "utf-7", "iso-2022-jp", "x-none"])
@pytest.mark.parametrize("action", ["failed", "delayed", "nonsense", ""])
@pytest.mark.parametrize("status", ["5.1.1", "4.2.2", "2.0.0", "9.9.9", "five", "\u0665.1.1"])
def test_a_grid_of_forged_reports_is_read_without_trouble(charset: str, action: str, status: str) -> None:
    raw = delivery_status(block(action=action, status=status)).replace(
        b"Content-Type: message/delivery-status", f"Content-Type: message/delivery-status; charset={charset}".encode()
    )
    parsed = parse(raw)
    assert Defect.UNPARSEABLE not in parsed.defects
    assert (parsed.report is not None) == (action in {"failed", "delayed"})
    assert parsed.report is None or parsed.report.status in {"", "5.1.1", "4.2.2", "2.0.0"}
    assert parsed.report is None or parsed.report.token is None


def test_an_ordinary_mail_is_no_report() -> None:
    for name in ("gmail_reply", "auto_reply", "broken_mime"):
        assert parse(sample(name)).report is None
