"""The way out by SMTP: one transaction per recipient over a connection kept per thread, answers classified once."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from messaging.faultpoints import faultpoint
from messaging.mime.types import Envelope

from .base import OutcomeUnknown, PermanentFailure, SendFailure, SendResult, TransientFailure, nobody_looks
from .connection import Session, Timeouts, clean, connect
from .relay import Relay

# The relay speaks of us, not of the recipient: a missing or wrong sign-in is put right by the operator.
OUR_FAULT = frozenset({530, 534, 535, 538})
SERVICE_CLOSING = 421
START_INPUT = 354


class _Kept(threading.local):
    def __init__(self) -> None:
        self.sessions: dict[Relay, Session] = {}


_kept = _Kept()


@dataclass(frozen=True, slots=True)
class SmtpTransport:
    """Hands mail to one relay. `is_kept` leaves the connection open for this thread's next mail."""

    relay: Relay
    timeouts: Timeouts = field(default_factory=Timeouts)
    is_kept: bool = True

    def send(
        self,
        envelope: Envelope,
        raw: bytes,
        *,
        on_data: Callable[[], None],
        look: Callable[[], None] = nobody_looks,
    ) -> SendResult:
        look()
        session = self._begin(envelope, size=len(raw), look=look)
        _look_again(session, look)
        try:
            _expect(session.command("DATA"), START_INPUT)
        except SendFailure as failure:
            self._after_refusal(session, failure)
            raise
        except OSError as error:
            session.drop()
            raise TransientFailure("connection_lost", f"{self.relay.host} hung up: {error}") from error
        try:
            on_data()
            code, text = self._hand_over(session, raw)
        except BaseException:
            # No dot was sent, or its answer is lost: this connection can't be used for anything else.
            session.drop()
            raise
        self._keep(session, code)
        return _result_of_dot(code, text)

    def _begin(self, envelope: Envelope, *, size: int, look: Callable[[], None]) -> Session:
        """A session that took the envelope. A kept one that died is replaced: that says nothing of this mail."""
        kept = _kept.sessions.pop(self.relay, None)
        if kept is not None and kept.is_worn:
            kept.end()
            kept = None
        if kept is not None:
            try:
                return self._address(kept, envelope, size=size)
            except OSError:
                kept.drop()
            except TransientFailure as failure:
                if failure.code != str(SERVICE_CLOSING):
                    raise
        session = connect(self.relay, self.timeouts)
        _look_again(session, look)  # connecting may have taken half a minute
        try:
            return self._address(session, envelope, size=size)
        except OSError as error:
            session.drop()
            raise TransientFailure("connection_lost", f"{self.relay.host} hung up: {error}") from error

    def _address(self, session: Session, envelope: Envelope, *, size: int) -> Session:
        faultpoint("smtp.after_connect")
        if session.is_dirty:
            session.command("RSET")
        session.is_dirty = True
        session.transactions_count += 1
        announced = f" SIZE={size}" if session.smtp.has_extn("size") else ""
        (recipient,) = envelope.recipients
        try:
            for reply in session.commands(f"MAIL FROM:<{envelope.sender}>{announced}", f"RCPT TO:<{recipient}>"):
                _expect(reply)
        except SendFailure as failure:
            self._after_refusal(session, failure)
            raise
        faultpoint("smtp.after_rcpt")
        return session

    def _hand_over(self, session: Session, raw: bytes) -> tuple[int, str]:
        try:
            session.set_timeout(self.timeouts.body)
            session.smtp.send(stuffed(raw))
            faultpoint("smtp.mid_body")
            session.smtp.send(b".\r\n")
            faultpoint("smtp.after_dot")
            session.set_timeout(self.timeouts.answer)
            code, text = session.smtp.getreply()
        except OSError as error:
            lost = f"{self.relay.host} may have taken the message; its answer is lost: {error}"
            raise OutcomeUnknown("answer_lost", lost) from error
        faultpoint("smtp.after_reply")
        return code, clean(text)

    def _keep(self, session: Session, code: int) -> None:
        if not self.is_kept or code == SERVICE_CLOSING or not 200 <= code < 600:
            session.end()
            return
        session.set_timeout(self.timeouts.command)
        session.is_dirty = False
        _kept.sessions[self.relay] = session

    def _after_refusal(self, session: Session, failure: SendFailure) -> None:
        if not self.is_kept or failure.code == str(SERVICE_CLOSING):
            session.end()
        else:
            _kept.sessions[self.relay] = session


def close_kept() -> None:
    """End this thread's connections."""
    while _kept.sessions:
        _kept.sessions.popitem()[1].end()


def stuffed(raw: bytes) -> bytes:
    """The body as DATA wants it (RFC 5321, section 4.5.2): each line that begins with a dot gets another.

    Right only for bytes whose every line ends with CRLF, the last one included; `mime.wire` sees to that.
    """
    doubled = raw.replace(b"\r\n.", b"\r\n..")
    return b"." + doubled if doubled.startswith(b".") else doubled


def _look_again(session: Session, look: Callable[[], None]) -> None:
    try:
        look()
    except BaseException:
        # What was begun there is void with the connection (RFC 5321, section 4.1.1.4).
        session.drop()
        raise


def _expect(reply: tuple[int, str], wanted: int = 250) -> None:
    code, text = reply
    if code != wanted and not (wanted == 250 and code == 251):
        raise _refusal(code, text)


def _result_of_dot(code: int, text: str) -> SendResult:
    if 200 <= code < 300:
        return SendResult(str(code), text)
    if 400 <= code < 600:
        raise _refusal(code, text)
    raise OutcomeUnknown("answer_unreadable", f"The relay's answer to the message makes no sense: {code} {text}")


def _refusal(code: int, text: str) -> SendFailure:
    if 500 <= code < 600 and code not in OUR_FAULT:
        return PermanentFailure(str(code), text)
    if 400 <= code < 600:
        return TransientFailure(str(code), text)
    return TransientFailure("bad_reply", f"{code} {text}")
