"""What the SMTP dialogue asks of us: who may get mail, and whether a mail is stored. Its answers are SMTP answers."""

from __future__ import annotations

import re
import time
from contextlib import AbstractContextManager
from typing import Protocol
from uuid import UUID

import psycopg
import structlog
from aiosmtpd.smtp import Envelope, Session
from django.db import InterfaceError, OperationalError

from mailboxes import addresses
from mailboxes.addresses import Destination
from messaging import wakeup
from messaging.bell import Bell
from messaging.faultpoints import faultpoint

from . import destinations, room
from .database_threads import DatabaseThreads
from .storekeeper import Storekeeper
from .storing import Copy, Mail, Via

log = structlog.get_logger(__name__)

MAX_RECIPIENTS = 100  # RFC 5321 section 4.5.3.1.8: at least 100
RING_PAUSE_SECONDS = 0.2
# For so long a destination that was found is not looked up again. The statement that stores the mail looks again.
KNOWN_FOR_SECONDS = 2.0
MAX_KNOWN = 10_000

BARE = re.compile(rb"\r(?!\n)|(?<!\r)\n|\x00")
NULL_SENDER = "<>"

TRY_LATER = "451 4.3.0 Can't take mail just now, try again later"
NOT_CLEAN = "521 5.6.0 Bare CR, bare LF or NUL in the message"
NO_MAILBOX = "550 5.1.1 No such mailbox here"
MAILBOX_FULL = "452 4.2.2 The mailbox is full, try again later"
NO_RELAY = "550 5.7.1 Not a domain of ours, and we do not relay"


class Addressed(Envelope):
    """An SMTP envelope that knows the mailbox of each of its recipients."""

    def __init__(self) -> None:
        super().__init__()
        self.boxes: dict[str, UUID | None] = {}


class Conversation(Protocol):
    """The session that asks."""

    peer_host: str
    has_taken: bool
    unknown_count: int

    def storing(self) -> AbstractContextManager[None]: ...


class Receiver:
    """Answers RCPT and DATA for all sessions of a listener."""

    def __init__(self, database: DatabaseThreads, storekeeper: Storekeeper) -> None:
        self._database = database
        self._storekeeper = storekeeper
        self._known: dict[str, tuple[Destination, float]] = {}
        self._bell = Bell(wakeup.ring_now, pause_seconds=RING_PAUSE_SECONDS)

    async def handle_RCPT(
        self, server: Conversation, session: Session, envelope: Addressed, address: str, options: list[str]
    ) -> str:
        if len(envelope.rcpt_tos) >= MAX_RECIPIENTS:
            return "452 4.5.3 Too many recipients, send the rest in another transaction"
        if envelope.mail_from == NULL_SENDER and envelope.rcpt_tos:
            return "452 4.5.3 A report has one recipient"
        try:
            found = await self._find(address)
        except (OperationalError, InterfaceError):
            log.exception("smtp.database_down")
            return TRY_LATER
        if isinstance(found, str):
            server.unknown_count += found != MAILBOX_FULL
            return found
        envelope.rcpt_tos.append(address)
        envelope.boxes[address] = found.mailbox.pk if found.mailbox else None
        return "250 2.1.5 OK"

    async def handle_DATA(self, server: Conversation, session: Session, envelope: Addressed) -> str:
        faultpoint("inbound.after_data")
        assert isinstance(envelope.content, bytes)
        if BARE.search(envelope.content):
            return NOT_CLEAN
        sender = "" if envelope.mail_from in (None, NULL_SENDER) else str(envelope.mail_from)
        via = Via("smtp", peer=server.peer_host, helo=str(session.host_name or ""))
        copies = tuple(Copy(address, envelope.boxes[address]) for address in sorted(set(envelope.rcpt_tos)))
        try:
            with server.storing():
                stored = await self._storekeeper.store(Mail(envelope.content, sender, via, copies))
        except (psycopg.OperationalError, psycopg.InterfaceError):
            log.exception("smtp.database_down")
            return TRY_LATER
        server.has_taken = True
        if all(copy.mailbox_id and not one.mailbox_id for copy, one in zip(copies, stored, strict=True)):
            return NO_MAILBOX  # deleted since RCPT, all of them: nobody would ever see it
        return f"250 2.0.0 Stored as {stored[0].id}"

    async def handle_exception(self, error: Exception) -> str:
        log.error("smtp.defect", exc_info=error)
        return TRY_LATER

    def ring_soon(self) -> None:
        """Wake a worker; one ring for all the mail of a moment."""
        self._bell.ring(wakeup.PROCESS_INTAKE)

    async def _find(self, address: str) -> Destination | str:
        """Where the mail goes, or the refusal."""
        known = self._known.get(address)
        if known is not None and known[1] > time.monotonic():
            return known[0]
        asked_at = time.monotonic()
        found = await self._database.run(lambda: _destination_or_refusal(address))
        if isinstance(found, Destination):
            if len(self._known) >= MAX_KNOWN:
                self._known.clear()
            self._known[address] = found, asked_at + KNOWN_FOR_SECONDS
        return found


def _destination_or_refusal(address: str) -> Destination | str:
    destination = destinations.find(address)
    if destination is not None:
        is_full = destination.mailbox is not None and room.is_full(destination.mailbox)
        return MAILBOX_FULL if is_full else destination
    return NO_MAILBOX if addresses.is_ours(address.rpartition("@")[2]) else NO_RELAY
