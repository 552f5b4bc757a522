"""One client's WebSocket, as ASGI hands it to us. Frames go out; of what the client says, one frame is read."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from django.conf import settings

from mailboxes import client_address
from mailboxes.api import authentication
from mailboxes.errors import Invalid, Problem

Scope = Mapping[str, Any]
Receive = Callable[[], Awaitable[Mapping[str, Any]]]
Send = Callable[[Mapping[str, Any]], Awaitable[None]]

MOST_CHARACTERS = 65_536
NORMAL, FAULT, RESTART, LATER = 1000, 1011, 1012, 1013
OURS = 4000  # and the HTTP status that says the same: 4400, 4401, 4403, 4404, 4429


class Left(Exception):
    """The client is gone, or has read nothing for so long that it was cut off."""


class Wire:
    """Text frames out; the first one in."""

    def __init__(self, receive: Receive, send: Send) -> None:
        self._receive, self._send = receive, send

    async def open(self) -> None:
        """Always, whoever it is: a refusal in the handshake would have neither a code nor a word for a browser."""
        await self._receive()
        await self._send({"type": "websocket.accept"})

    async def tell(self, text: str) -> None:
        """One text frame. Raises Left when nobody takes it."""
        try:
            await self._send({"type": "websocket.send", "text": text})
        except OSError:
            raise Left from None

    async def control(self, kind: str, **members: object) -> None:
        """A frame of ours. No event has a member `type`."""
        await self.tell(json.dumps({"type": kind, **members}, separators=(",", ":")))

    async def refuse(self, problem: Problem) -> None:
        """Say what is wrong, and close with the code for it."""
        await self.control("error", code=problem.code, message=problem.sentence, fix=problem.fix)
        await self.close(close_code(problem))

    async def close(self, code: int) -> None:
        await self._send({"type": "websocket.close", "code": code})

    async def authorization(self, *, seconds: float) -> str:
        """What the client's first frame says in place of the header. Raises Unauthenticated when none comes in time."""
        try:
            async with asyncio.timeout(seconds):
                text = await self._frame()
        except TimeoutError:
            raise authentication.refusal("This needs a key.", code="missing_key", fix=HOW) from None
        return _authorization_in(text)

    async def until_left(self) -> None:
        """Return when the client is gone; what it says meanwhile is dropped unread."""
        while (await self._receive())["type"] != "websocket.disconnect":
            pass

    async def _frame(self) -> str:
        message = await self._receive()
        if message["type"] == "websocket.disconnect":
            raise Left
        return message.get("text") or ""


HOW = (
    'Send Authorization: Bearer gp_live_… with the handshake, or the first frame {"authorization": "Bearer gp_live_…"}.'
)


def _authorization_in(text: str) -> str:
    try:
        # The server drops longer frames by itself, where it is started as `config/deploy/process` does.
        said = json.loads(text) if len(text) <= MOST_CHARACTERS else None
    except (ValueError, RecursionError):
        said = None
    if not isinstance(said, dict) or list(said) != ["authorization"] or not isinstance(said["authorization"], str):
        raise Invalid("The first frame is not what it must be.", code="malformed_frame", fix=HOW)
    return str(said["authorization"])


def header_of(scope: Scope, name: bytes) -> str | None:
    """A header of the handshake, None when it is not there."""
    return next((value.decode("latin-1") for key, value in scope["headers"] if key == name), None)


def address_of(scope: Scope) -> str:
    """The client's address, as our proxies tell it; a header that comes several times is one list."""
    heard = ",".join(value.decode("latin-1") for key, value in scope["headers"] if key == b"x-forwarded-for")
    peer = (scope.get("client") or ("", 0))[0]
    return client_address.of(peer, heard, proxies=settings.TRUSTED_PROXIES)


def close_code(problem: Problem) -> int:
    """With which code a socket is closed for that reason."""
    if problem.status < 500:
        return OURS + problem.status
    return LATER if problem.status == 503 else FAULT
