"""What the simulator's servers send back: bounce (RFC 3464), complaint (RFC 5965), out-of-office (RFC 3834).

Each is (envelope, wire bytes), or None where a well-behaved server keeps silent.
"""

from __future__ import annotations

from email.message import Message
from email.parser import BytesHeaderParser
from email.policy import compat32
from email.utils import formatdate, make_msgid, parseaddr

from django.conf import settings

from messaging.mime.types import Envelope

BOUNDARY = "=_simulated"

Lines = tuple[str, ...]


def bounce(envelope: Envelope, raw: bytes) -> tuple[Envelope, bytes] | None:
    """A delivery status notification to the return path: the user is unknown after all."""
    if not envelope.sender:
        return None
    (recipient,) = envelope.recipients
    status = (
        f"Reporting-MTA: dns; mx.{settings.SIMULATOR_DOMAIN}",
        "",
        f"Original-Recipient: rfc822;{recipient}",
        f"Final-Recipient: rfc822;{recipient}",
        "Action: failed",
        "Status: 5.1.1",
        "Diagnostic-Code: smtp; 550 5.1.1 No such user here.",
    )
    human = ("Your message could not be delivered.", f"{recipient}: 550 5.1.1 No such user here.")
    head = _head(f"mailer-daemon@{settings.SIMULATOR_DOMAIN}", envelope.sender, "Undelivered Mail Returned to Sender")
    report = _report(human, kind="delivery-status", machine=status, original=_header_block(raw))
    return _from_nobody(envelope.sender), _bytes(*head, "Auto-Submitted: auto-replied", *report)


def complaint(envelope: Envelope, raw: bytes) -> tuple[Envelope, bytes] | None:
    """A feedback report to the return path: the reader pressed "this is spam"."""
    if not envelope.sender:
        return None
    (recipient,) = envelope.recipients
    machine = (
        "Feedback-Type: abuse",
        "User-Agent: Gatepost-Simulator/1",
        "Version: 1",
        f"Original-Mail-From: <{envelope.sender}>",
        f"Original-Rcpt-To: <{recipient}>",
        f"Arrival-Date: {formatdate()}",
    )
    head = _head(f"feedback@{settings.SIMULATOR_DOMAIN}", envelope.sender, "Abuse report")
    human = ("This is an abuse report.",)
    report = _report(human, kind="feedback-report", machine=machine, original=_header_block(raw))
    return _from_nobody(envelope.sender), _bytes(*head, *report)


def out_of_office(envelope: Envelope, raw: bytes) -> tuple[Envelope, bytes] | None:
    """An automatic reply to the person in From; none to mail that is automatic itself."""
    headers = _headers(raw)
    _, author = parseaddr(headers.get("From", ""))
    if not author or headers.get("Auto-Submitted", "no").lower() != "no":
        return None
    (recipient,) = envelope.recipients
    message_id = headers.get("Message-ID", "").strip()
    subject = " ".join(headers.get("Subject", "").split())
    head = _head(recipient, author, f"Out of office: {subject}"[:900])
    text = ("I am out of the office and will read your message when I am back.",)
    references = (f"In-Reply-To: {message_id}", f"References: {message_id}") if message_id else ()
    body = ("Auto-Submitted: auto-replied", "Content-Type: text/plain; charset=us-ascii", "", *text)
    return _from_nobody(author), _bytes(*head, *references, *body)


def _head(sender: str, to: str, subject: str) -> Lines:
    return (
        f"From: <{sender}>",
        f"To: <{to}>",
        f"Subject: {subject}",
        f"Date: {formatdate()}",
        f"Message-ID: {make_msgid(domain=settings.SIMULATOR_DOMAIN)}",
        "MIME-Version: 1.0",
    )


def _report(human: Lines, *, kind: str, machine: Lines, original: Lines) -> Lines:
    return (
        f"Content-Type: multipart/report; report-type={kind};",
        f' boundary="{BOUNDARY}"',
        "",
        *(f"--{BOUNDARY}", "Content-Type: text/plain; charset=us-ascii", "", *human),
        *(f"--{BOUNDARY}", f"Content-Type: message/{kind}", "", *machine, ""),
        *(f"--{BOUNDARY}", "Content-Type: text/rfc822-headers", "", *original),
        f"--{BOUNDARY}--",
    )


def _headers(raw: bytes) -> Message:
    """Our own sealed bytes, seven-bit and well-formed: the cheap parser is enough."""
    return BytesHeaderParser(policy=compat32).parsebytes(raw)


def _header_block(raw: bytes) -> Lines:
    return tuple(raw.partition(b"\r\n\r\n")[0].decode("ascii").split("\r\n"))


def _from_nobody(recipient: str) -> Envelope:
    return Envelope(sender="", recipients=(recipient,))


def _bytes(*lines: str) -> bytes:
    return "".join(f"{line}\r\n" for line in lines).encode("ascii")
