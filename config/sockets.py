"""Daphne's WebSockets, and what autobahn keeps applications from: limits for clients alone, a server's own codes."""

from __future__ import annotations

from typing import Any

from daphne.ws_protocol import WebSocketProtocol

MOST_BYTES = 65_536  # of one message of a client
# Fault, restart, try again later: RFC 6455 and IANA's registry. Autobahn gives applications 1000 and 3000-4999.
OF_SERVERS = frozenset({1011, 1012, 1013})


class Socket(WebSocketProtocol):  # type: ignore[misc]
    """One socket, whatever the command line says of sizes."""

    def onConnect(self, request: Any) -> Any:
        self.maxMessagePayloadSize = MOST_BYTES
        self.failByDrop = False  # who sends too much is told so: 1009
        return super().onConnect(request)

    def sendMessage(self, *arguments: Any, **options: Any) -> None:
        # The limit would hold for what we send, too, and an event may be longer.
        most, self.maxMessagePayloadSize = self.maxMessagePayloadSize, 0
        try:
            super().sendMessage(*arguments, **options)
        finally:
            self.maxMessagePayloadSize = most

    def serverClose(self, code: int | None = None) -> None:
        if code in OF_SERVERS:
            self.sendCloseFrame(code=code)
        else:
            super().serverClose(code)
