"""The SMTP listener: refuses what it can't take at once, stores the rest, and says 250 only after the commit.

The dialogue is aiosmtpd's; the limits, the strictness about line ends (F8) and the durable answer are ours.
"""

from __future__ import annotations

import asyncio
import ipaddress
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import structlog
from aiosmtpd.smtp import SMTP, Envelope, Session
from django.conf import settings
from django.db import InterfaceError, OperationalError

from mailboxes import addresses, clock
from messaging import wakeup
from messaging.faultpoints import faultpoint
from messaging.mime import types

from . import destinations, intake
from .database_threads import DatabaseThreads

log = structlog.get_logger(__name__)

MAX_RECIPIENTS = 100  # RFC 5321 section 4.5.3.1.8: at least 100
MAX_UNKNOWN = 50
MAX_CONNECTIONS = 300
MAX_LINE = 1024 * 1024
COMMAND_SECONDS = 60
DATA_SECONDS = 300
SESSION_SECONDS = 600
RING_AFTER_SECONDS = 0.02
CALL_LIMITS = {"*": 100, "MAIL": 2000, "RCPT": 20000, "DATA": 2000, "RSET": 2000, "NOOP": 500}

BARE = re.compile(rb"\r(?!\n)|(?<!\r)\n|\x00")
LOCAL = r'(?:"(?:[\x20\x21\x23-\x5b\x5d-\x7e]|\\[\x20-\x7e]){0,62}"|[!#-;=?A-~]{1,200})'
PATH = re.compile(rf"<({LOCAL}@[A-Za-z0-9.\-\[\]:]{{1,255}}|postmaster|)>(?:\s+(.*))?", re.IGNORECASE)
NULL_SENDER = "<>"

TRY_LATER = "451 4.3.0 Can't take mail just now, try again later"
NOT_CLEAN = "521 5.6.0 Bare CR, bare LF or NUL in the message"


class Doorkeeper:
    """Counts the open connections: in all, and from each peer (an IPv6 peer is its /64)."""

    def __init__(self) -> None:
        self._open: Counter[str] = Counter()

    def admit(self, host: str) -> bool:
        """Whether one more may come in. If so, it is counted until `leave`."""
        peer = self._peer(host)
        if self._open.total() >= MAX_CONNECTIONS or self._open[peer] >= settings.SMTP_CONNECTIONS_PER_PEER:
            return False
        self._open[peer] += 1
        return True

    def leave(self, host: str) -> None:
        self._open[self._peer(host)] -= 1
        self._open += Counter()  # forgets those at zero

    def _peer(self, host: str) -> str:
        try:
            address = ipaddress.ip_address(host)
        except ValueError:
            return host
        return str(ipaddress.ip_network((address, 64), strict=False)) if address.version == 6 else host


class Receiver:
    """What the dialogue asks of us; returns SMTP answers."""

    def __init__(self, database: DatabaseThreads) -> None:
        self.database = database
        self._ringing: asyncio.Task[None] | None = None

    async def handle_RCPT(
        self, server: StrictSMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if len(envelope.rcpt_tos) >= MAX_RECIPIENTS:
            return "452 4.5.3 Too many recipients, send the rest in another transaction"
        if envelope.mail_from == NULL_SENDER and envelope.rcpt_tos:
            return "452 4.5.3 A report has one recipient"
        answer = await self._may_come(address)
        if answer.startswith("250"):
            envelope.rcpt_tos.append(address)
        elif answer.startswith("550"):
            server.unknown_count += 1
        return answer

    async def handle_DATA(self, server: StrictSMTP, session: Session, envelope: Envelope) -> str:
        faultpoint("inbound.after_data")
        assert isinstance(envelope.content, bytes)
        if BARE.search(envelope.content):
            return NOT_CLEAN
        raw, recipients = envelope.content, tuple(envelope.rcpt_tos)
        sender = "" if envelope.mail_from in (None, NULL_SENDER) else str(envelope.mail_from)
        via = intake.Via("smtp", peer=server.peer_host, helo=str(session.host_name or ""))

        def receive() -> str:
            rows = intake.receive_all(raw, envelope=types.Envelope(sender, recipients), via=via, now=clock.now())
            return str(rows[0].pk)

        try:
            with server.storing():
                name = await self.database.run(receive)
        except (OperationalError, InterfaceError):
            log.exception("smtp.database_down")
            return TRY_LATER
        server.has_taken = True
        return f"250 2.0.0 Stored as {name}"

    async def handle_exception(self, error: Exception) -> str:
        log.error("smtp.defect", exc_info=error)
        return TRY_LATER

    def ring_soon(self) -> None:
        """Wake a worker; one ring for all the mail of a moment."""
        if self._ringing is None or self._ringing.done():
            self._ringing = asyncio.create_task(self._ring())

    async def _ring(self) -> None:
        await asyncio.sleep(RING_AFTER_SECONDS)
        with suppress(OperationalError, InterfaceError):  # the sweep will find the row
            await self.database.run(lambda: wakeup.ring(wakeup.PROCESS_INTAKE))

    async def _may_come(self, address: str) -> str:
        def find() -> str:
            if destinations.find(address) is not None:
                return "250 2.1.5 OK"
            if addresses.is_ours(address.rpartition("@")[2]):
                return "550 5.1.1 No such mailbox here"
            return "550 5.7.1 Not a domain of ours, and we do not relay"

        try:
            return await self.database.run(find)
        except (OperationalError, InterfaceError):
            log.exception("smtp.database_down")
            return TRY_LATER


class StrictSMTP(SMTP):
    """One session, with limits on its time, its lines and its peers."""

    line_length_limit = MAX_LINE

    def __init__(self, receiver: Receiver, *, doorkeeper: Doorkeeper, sessions: set[StrictSMTP]) -> None:
        super().__init__(
            receiver,
            hostname=settings.MAIL_HOST,
            ident="ESMTP",
            data_size_limit=settings.MAX_MESSAGE_BYTES,
            enable_SMTPUTF8=False,
            decode_data=False,
            timeout=COMMAND_SECONDS,
            command_call_limit=CALL_LIMITS,
            loop=asyncio.get_running_loop(),
        )
        self._receiver = receiver
        self._doorkeeper = doorkeeper
        self._sessions = sessions
        self._is_admitted = False
        self._session_end: asyncio.TimerHandle | None = None
        self.peer_host = ""
        self.has_taken = False
        self.unknown_count = 0
        self._is_idle = asyncio.Event()
        self._is_idle.set()

    def dismiss(self) -> None:
        """End the session from our side."""
        if isinstance(self.transport, asyncio.WriteTransport) and not self.transport.is_closing():
            self.transport.write(b"421 4.4.2 Closing the session\r\n")
            self.transport.close()

    @contextmanager
    def storing(self) -> Iterator[None]:
        """While it lasts, a stop waits for this session's mail (`stored`)."""
        self._is_idle.clear()
        try:
            yield
        finally:
            self._is_idle.set()

    async def stored(self) -> None:
        """Return when no mail of this session is on its way to the database."""
        await self._is_idle.wait()

    def connection_made(self, transport: Any) -> None:
        self.peer_host = str((transport.get_extra_info("peername") or ("",))[0])
        self._is_admitted = self._doorkeeper.admit(self.peer_host)
        self._session_end = self.loop.call_later(SESSION_SECONDS, self._timeout_cb)
        self._sessions.add(self)
        super().connection_made(transport)

    def connection_lost(self, error: Exception | None) -> None:
        if self._is_admitted:
            self._doorkeeper.leave(self.peer_host)
        if self._session_end is not None:
            self._session_end.cancel()
        self._sessions.discard(self)
        super().connection_lost(error)

    async def _handle_client(self) -> None:
        if not self._is_admitted:
            await self._end("421 4.7.0 Too many connections, try again later")
        await super()._handle_client()

    def _timeout_cb(self) -> None:
        self.dismiss()

    def _getaddr(self, arg: str) -> tuple[str | None, str | None]:
        """Address and parameters. A strict pattern: the library's own would decode encoded words in here."""
        found = PATH.fullmatch(arg.strip()) if arg else None
        if found is None:
            return None, None
        address, parameters = found.group(1), found.group(2) or ""
        if address.lower() == "postmaster":  # RFC 5321 section 4.5.1: with or without a domain
            address = f"postmaster@{settings.PLATFORM_DOMAIN}"
        return address or NULL_SENDER, parameters

    async def smtp_RCPT(self, arg: str | None) -> None:
        await super().smtp_RCPT(arg)
        if self.unknown_count > MAX_UNKNOWN:
            await self._end("421 4.7.1 Too many unknown recipients")

    async def smtp_DATA(self, arg: str | None) -> None:
        self._reset_timeout(DATA_SECONDS)
        self.has_taken = False
        await super().smtp_DATA(arg)
        self._reset_timeout()
        if self.has_taken:
            faultpoint("inbound.after_250")
            self._receiver.ring_soon()

    async def smtp_VRFY(self, arg: str | None) -> None:
        await self.push("502 5.5.1 VRFY is not offered")

    async def smtp_EXPN(self, arg: str | None) -> None:
        await self.push("502 5.5.1 EXPN is not offered")

    async def smtp_AUTH(self, arg: str | None) -> None:
        await self.push("502 5.5.1 AUTH is not offered: this listener takes mail for its own mailboxes only")

    async def push(self, status: Any) -> None:
        await super().push(status)
        if status == NOT_CLEAN:
            await self._end(None)

    async def _end(self, last_words: str | None) -> None:
        """Close the session, and read nothing of what is in the pipe already: it may be a smuggled command."""
        if last_words:
            await super().push(last_words)
        if self.transport is not None:
            self.transport.close()
        raise asyncio.CancelledError
