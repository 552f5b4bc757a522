"""A relay for tests: real SMTP on loopback, with moods. What it took stands in `taken`."""

from __future__ import annotations

import asyncio
import ssl
from collections import Counter
from dataclasses import dataclass, field
from email.parser import BytesHeaderParser
from enum import StrEnum
from typing import Any, cast

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

SILENT_FOR = 30.0
PATIENCE = 60.0


class Mood(StrEnum):
    ACCEPT = "accept"
    DEFER_AT_MAIL = "450 at MAIL"
    DEFER_AT_RCPT = "450 at RCPT"
    REFUSE_AT_RCPT = "550 at RCPT"
    REFUSE_AT_DATA = "554 at DATA"
    DEFER_AFTER_DOT = "451 after the dot"
    REFUSE_AFTER_DOT = "554 after the dot"
    DROP_AT_RCPT = "drops the connection at RCPT"
    DROP_BEFORE_DOT = "drops the connection before the dot"
    DROP_AFTER_DOT = "takes the mail and drops the connection"
    SILENT = "takes the mail and says nothing"
    CLOSING = "421 at MAIL"
    NONSENSE = "answers the dot with nonsense"


@dataclass(frozen=True)
class Taken:
    """One mail as it came over the wire, dots unstuffed."""

    sender: str
    recipients: tuple[str, ...]
    content: bytes

    @property
    def message_id(self) -> str:
        return str(BytesHeaderParser().parsebytes(self.content)["Message-ID"]).strip()


class _FaultySmtp(SMTP):
    """Drops out in the middle of DATA when the sink is in that mood."""

    async def smtp_DATA(self, arg: str) -> None:
        handler: Sink = self.event_handler
        if handler.mood is Mood.REFUSE_AT_DATA:
            await self.push("554 5.7.1 Not this one")
        elif handler.mood is Mood.DROP_BEFORE_DOT:
            await self.push("354 Go on")
            await self._reader.readline()
            _hang_up(self)
        else:
            await super().smtp_DATA(arg)


@dataclass
class Sink:
    """Use as a context manager. `moods` are those of single recipients.

    `tls` offers STARTTLS (`is_implicit_tls`: TLS from the first byte); `login` is required when it is set;
    `is_pipelining` offers PIPELINING (aiosmtpd reads line by line, so it may).
    """

    mood: Mood = Mood.ACCEPT
    tls: ssl.SSLContext | None = None
    is_implicit_tls: bool = False
    login: tuple[str, str] | None = None
    is_pipelining: bool = False
    port: int = 0
    moods: dict[str, Mood] = field(default_factory=dict)
    taken: list[Taken] = field(default_factory=list)
    offered: list[str] = field(default_factory=list)
    connections_count: int = 0
    was_encrypted: list[bool] = field(default_factory=list)

    def __enter__(self) -> Sink:
        self._controller = _Controller(self)
        self._controller.start()
        self.port = self._controller.port
        return self

    def __exit__(self, *_exception: object) -> None:
        self._controller.stop()

    @property
    def url(self) -> str:
        return f"smtp://127.0.0.1:{self.port}"

    def copies(self) -> Counter[str]:
        """How often each Message-ID arrived."""
        return Counter(one.message_id for one in self.taken)

    def deliveries(self) -> Counter[tuple[str, str]]:
        """How often each Message-ID arrived for each recipient."""
        return Counter((one.message_id, recipient) for one in self.taken for recipient in one.recipients)

    # Hooks of aiosmtpd; the names are its own.
    async def handle_EHLO(
        self, server: SMTP, session: Session, envelope: Envelope, hostname: str, responses: list[str]
    ) -> list[str]:
        session.host_name = hostname
        self.connections_count += session.ssl is None
        return [*responses[:-1], "250-PIPELINING", responses[-1]] if self.is_pipelining else responses

    async def handle_MAIL(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if self.mood is Mood.DEFER_AT_MAIL:
            return "450 4.3.2 Not now"
        if self.mood is Mood.CLOSING:
            return "421 4.3.2 Closing"
        envelope.mail_from = address
        return "250 OK"

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        self.offered.append(address)
        mood = self.moods.get(address, self.mood)
        if mood is Mood.DEFER_AT_RCPT:
            return "450 4.2.1 Come again"
        if mood is Mood.REFUSE_AT_RCPT:
            return "550 5.1.1 No such user"
        if mood is Mood.DROP_AT_RCPT:
            _hang_up(server)
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        mood = self.moods.get(envelope.rcpt_tos[0], self.mood)
        if mood is Mood.DEFER_AFTER_DOT:
            return "451 4.3.0 Try later"
        if mood is Mood.REFUSE_AFTER_DOT:
            return "554 5.6.0 Not liked"
        assert isinstance(envelope.content, bytes)
        sender = (envelope.mail_from or "").removeprefix("<>")
        self.taken.append(Taken(sender, tuple(envelope.rcpt_tos), envelope.content))
        self.was_encrypted.append(_transport(server).get_extra_info("ssl_object") is not None)
        if mood is Mood.DROP_AFTER_DOT:
            _hang_up(server)
        if mood is Mood.SILENT:
            await asyncio.sleep(SILENT_FOR)
        return "99 what?" if mood is Mood.NONSENSE else "250 2.0.0 Taken"


def _transport(server: SMTP) -> asyncio.Transport:
    transport: Any = server.transport
    return cast("asyncio.Transport", transport)


def _hang_up(server: SMTP) -> None:
    _transport(server).abort()


class _Controller(Controller):
    def __init__(self, sink: Sink) -> None:
        context = sink.tls if sink.is_implicit_tls else None
        super().__init__(sink, hostname="127.0.0.1", port=sink.port, ready_timeout=PATIENCE, ssl_context=context)
        self.sink = sink
        self._served: list[SMTP] = []

    def stop(self, no_assert: bool = False) -> None:
        asyncio.run_coroutine_threadsafe(self._hang_up(), self.loop).result(timeout=PATIENCE)
        super().stop(no_assert)

    async def _hang_up(self) -> None:
        for server in self._served:
            if server.transport is not None:
                _hang_up(server)
        await asyncio.sleep(0.01)

    def factory(self) -> SMTP:
        options: dict[str, Any] = {"tls_context": None if self.sink.is_implicit_tls else self.sink.tls}
        if self.sink.login is not None:
            options |= {"authenticator": self._authenticate, "auth_required": True, "auth_require_tls": False}
        self._served.append(_FaultySmtp(self.sink, hostname="sink.example", **options))
        return self._served[-1]

    def _authenticate(
        self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: LoginPassword
    ) -> AuthResult:
        assert self.sink.login is not None
        given = (data.login.decode(), data.password.decode())
        return AuthResult(success=given == self.sink.login, handled=False)

    def _trigger_server(self) -> None:
        # The system has chosen the port; the first connection must find it.
        server: Any = self.server
        self.port = server.sockets[0].getsockname()[1]
        super()._trigger_server()  # type: ignore[no-untyped-call]
