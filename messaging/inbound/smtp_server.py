"""The SMTP listener: refuses what it can't take at once, stores the rest, and says 250 only after the commit.

The dialogue is aiosmtpd's; the limits, the strictness about line ends (F8) and the durable answer are ours.
"""

from __future__ import annotations

import asyncio
import ipaddress
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from aiosmtpd.smtp import SMTP
from django.conf import settings

from messaging.faultpoints import faultpoint

from .receiver import NOT_CLEAN, NULL_SENDER, Addressed, Receiver

MAX_UNKNOWN = 50
MAX_CONNECTIONS = 300
MAX_LINE = 1024 * 1024
COMMAND_SECONDS = 60
DATA_SECONDS = 300
SESSION_SECONDS = 600
CALL_LIMITS = {"*": 100, "MAIL": 2000, "RCPT": 20000, "DATA": 2000, "RSET": 2000, "NOOP": 500}

LOCAL = r'(?:"(?:[\x20\x21\x23-\x5b\x5d-\x7e]|\\[\x20-\x7e]){0,62}"|[!#-;=?A-~]{1,200})'
PATH = re.compile(rf"<({LOCAL}@[A-Za-z0-9.\-\[\]:]{{1,255}}|postmaster|)>(?:\s+(.*))?", re.IGNORECASE)


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

    def _create_envelope(self) -> Addressed:
        return Addressed()

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
