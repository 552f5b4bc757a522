"""One SMTP connection to a relay: dialed, encrypted, signed in, kept for a while."""

from __future__ import annotations

import smtplib
import socket
import ssl
import time
from dataclasses import dataclass

from django.conf import settings

from .base import TransientFailure
from .relay import Relay, Tls

MAX_AGE = 300.0
MAX_TRANSACTIONS = 100
MAX_TEXT = 1000


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds. Body and answer together stay below outbox.LEASE, which begins anew at the mark; the answer to the dot
    is awaited as long as RFC 5321, section 4.5.3.2.6, asks.
    """

    connect: float = 30
    command: float = 60
    body: float = 240
    answer: float = 600


@dataclass(slots=True)
class Session:
    """An open connection and how long it has served. `is_dirty`: a transaction was begun and not ended."""

    smtp: smtplib.SMTP
    opened_at: float
    transactions_count: int = 0
    is_dirty: bool = False

    @property
    def is_worn(self) -> bool:
        return self.transactions_count >= MAX_TRANSACTIONS or time.monotonic() - self.opened_at > MAX_AGE

    def command(self, line: str) -> tuple[int, str]:
        """The relay's answer. Raises OSError when the connection is gone."""
        self.smtp.putcmd(line)
        return self._reply()

    def commands(self, *lines: str) -> list[tuple[int, str]]:
        """The answers, up to the first refusal at least: all lines in one write where the relay takes that (RFC 2920),
        else one after another.
        """
        if any("\r" in line or "\n" in line for line in lines):
            raise ValueError("A command is one line.")
        is_pipelined = self.smtp.has_extn("pipelining")
        if is_pipelined:
            self.smtp.send("".join(f"{line}\r\n" for line in lines))
        replies: list[tuple[int, str]] = []
        for line in lines:
            is_refused = bool(replies) and replies[-1][0] >= 400
            if is_refused and not is_pipelined:
                break
            try:
                replies.append(self._reply() if is_pipelined else self.command(line))
            except OSError:
                if not is_refused:
                    raise
                break  # the refusal was the relay's last word
        return replies

    def _reply(self) -> tuple[int, str]:
        code, text = self.smtp.getreply()
        return code, clean(text)

    def set_timeout(self, seconds: float) -> None:
        assert self.smtp.sock is not None
        self.smtp.sock.settimeout(seconds)

    def end(self) -> None:
        """Part politely, without waiting long for the relay's manners."""
        try:
            self.set_timeout(2)
            self.smtp.quit()
        except OSError:
            self.drop()

    def drop(self) -> None:
        """Cut the connection; what was not ended by a dot is void for the relay (RFC 5321, section 4.1.1.4)."""
        self.smtp.close()


def connect(relay: Relay, timeouts: Timeouts) -> Session:
    """A session ready for MAIL. Whatever goes wrong here says nothing of a message: always TransientFailure."""
    smtp = _dial(relay, timeouts)
    try:
        _greet(smtp, relay)
        if relay.user:
            _sign_in(smtp, relay)
    except ssl.SSLCertVerificationError as error:
        smtp.close()
        raise _bad_certificate(relay, error) from error
    except OSError as error:
        smtp.close()
        raise TransientFailure("connection_lost", f"The connection to {relay.host} broke: {error}") from error
    except TransientFailure:
        smtp.close()
        raise
    assert smtp.sock is not None
    smtp.sock.settimeout(timeouts.command)
    # The dot is a write of its own; it must not wait for the acknowledgement of the body.
    smtp.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return Session(smtp, opened_at=time.monotonic())


def clean(text: bytes) -> str:
    """A relay's answer as one storable line: it is shown to people, and may hold anything."""
    decoded = text.decode("utf-8", "replace")[:MAX_TEXT]
    if decoded.isprintable():
        return decoded.strip()
    return "".join(char if char.isprintable() else " " for char in decoded).strip()


def _dial(relay: Relay, timeouts: Timeouts) -> smtplib.SMTP:
    name = settings.MAIL_HOST
    try:
        if relay.is_implicit_tls:
            context = _context(relay)
            return smtplib.SMTP_SSL(relay.host, relay.port, name, timeout=timeouts.connect, context=context)
        return smtplib.SMTP(relay.host, relay.port, name, timeout=timeouts.connect)
    except ssl.SSLCertVerificationError as error:
        raise _bad_certificate(relay, error) from error
    except smtplib.SMTPResponseException as error:
        raise TransientFailure(str(error.smtp_code), f"{relay.host} does not serve: {_said(error)}") from error
    except OSError as error:
        raise TransientFailure("connect_failed", f"{relay.host} can't be reached: {error}") from error


def _greet(smtp: smtplib.SMTP, relay: Relay) -> None:
    smtp.ehlo_or_helo_if_needed()
    if relay.is_implicit_tls or relay.tls is Tls.NONE:
        return
    if not smtp.has_extn("starttls"):
        # Somebody on the way may have stripped it; in plain text the mail does not go.
        if relay.tls is Tls.REQUIRED:
            raise TransientFailure("tls_unavailable", f"{relay.host} offers no STARTTLS, and TLS is required.")
        return
    try:
        # smtplib throws its read buffer away here: answers slipped in before the handshake are never read (A67).
        smtp.starttls(context=_context(relay))
    except smtplib.SMTPResponseException as error:
        raise TransientFailure("tls_unavailable", f"{relay.host} refused STARTTLS: {_said(error)}") from error
    smtp.ehlo_or_helo_if_needed()


def _sign_in(smtp: smtplib.SMTP, relay: Relay) -> None:
    if not isinstance(smtp.sock, ssl.SSLSocket) and not relay.is_loopback:
        raise TransientFailure("auth_needs_tls", f"{relay.host} offers no TLS; the password is not sent in the open.")
    try:
        smtp.login(relay.user, relay.password)
    except smtplib.SMTPResponseException as error:
        raise TransientFailure("auth_failed", f"{relay.host} refused the sign-in: {_said(error)}") from error
    except smtplib.SMTPServerDisconnected:
        raise
    except smtplib.SMTPException as error:
        raise TransientFailure("auth_failed", f"{relay.host} offers no way to sign in that we know.") from error


def _context(relay: Relay) -> ssl.SSLContext:
    context = ssl.create_default_context()
    if relay.tls is not Tls.REQUIRED:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _bad_certificate(relay: Relay, error: ssl.SSLCertVerificationError) -> TransientFailure:
    return TransientFailure("tls_certificate", f"The certificate of {relay.host} is not valid: {error.verify_message}")


def _said(error: smtplib.SMTPResponseException) -> str:
    text = error.smtp_error
    return f"{error.smtp_code} {clean(text if isinstance(text, bytes) else text.encode())}"
