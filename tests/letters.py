"""Received mails for tests, as bytes on the wire."""

from __future__ import annotations

from itertools import count

_numbers = count(1)


def letter(
    *headers: str,
    sender: str = "kim@friends.example",
    to: str = "alice@agents.example",
    subject: str = "Hello",
    body: str = "Good day to you.\r\n",
    message_id: str | None = None,
) -> bytes:
    """A plain mail; `headers` are further header lines."""
    message_id = message_id or f"<{next(_numbers)}@friends.example>"
    lines = [f"From: Kim <{sender}>", f"To: {to}", f"Subject: {subject}", f"Message-ID: {message_id}", *headers]
    return ("\r\n".join(lines) + "\r\n\r\n" + body).encode()


def bounce(recipient: str, *, to: str, status: str = "5.1.1", action: str = "failed") -> bytes:
    """A delivery status notification (RFC 3464) about one recipient."""
    return _report(
        to,
        "delivery-status",
        "Reporting-MTA: dns; mx.friends.example\r\n\r\n"
        f"Final-Recipient: rfc822; {recipient}\r\nAction: {action}\r\nStatus: {status}\r\n"
        "Diagnostic-Code: smtp; 550 no such person here\r\n",
        "message/delivery-status",
    )


def complaint(*, return_path: str, recipient: str | None = None, to: str = "abuse@agents.example") -> bytes:
    """An abuse report (RFC 5965) with the headers of the original."""
    named = f"Original-Rcpt-To: <{recipient}>\r\n" if recipient else ""
    return _report(
        to,
        "feedback-report",
        f"Feedback-Type: abuse\r\nUser-Agent: Loop/1\r\nVersion: 1\r\n{named}",
        "message/feedback-report",
        original=f"Return-Path: <{return_path}>\r\nSubject: Hello\r\n",
    )


def _report(to: str, kind: str, block: str, block_type: str, *, original: str = "Subject: Hello\r\n") -> bytes:
    return (
        f"From: Mail Delivery System <MAILER-DAEMON@mx.friends.example>\r\nTo: {to}\r\nSubject: Report\r\n"
        f"Message-ID: <{next(_numbers)}@mx.friends.example>\r\nAuto-Submitted: auto-replied\r\nMIME-Version: 1.0\r\n"
        f"Content-Type: multipart/report; report-type={kind}; boundary=b\r\n\r\n"
        "--b\r\nContent-Type: text/plain\r\n\r\nSorry.\r\n"
        f"--b\r\nContent-Type: {block_type}\r\n\r\n{block}"
        f"\r\n--b\r\nContent-Type: text/rfc822-headers\r\n\r\n{original}\r\n--b--\r\n"
    ).encode()
