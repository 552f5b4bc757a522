"""The real SMTP listener for tests, in a thread of this process."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from unittest.mock import patch

from messaging.inbound import database_threads
from messaging.inbound.listener import Listener

PATIENCE = 60


@contextmanager
def listening() -> Iterator[int]:
    """The port of a listener that runs while the `with` lasts."""
    ports: list[int] = []
    is_ready = threading.Event()
    stop: list[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = []

    async def serve() -> None:
        stop.append((asyncio.get_running_loop(), asyncio.Event()))
        async with Listener("127.0.0.1", 0) as listener:
            ports.append(listener.port)
            is_ready.set()
            await stop[0][1].wait()

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    # A thread that comes late to the end would leave its connection open.
    with patch.object(database_threads, "PATIENCE_SECONDS", PATIENCE):
        thread.start()
        assert is_ready.wait(PATIENCE)
        try:
            yield ports[0]
        finally:
            loop, event = stop[0]
            loop.call_soon_threadsafe(event.set)
            thread.join(PATIENCE)
            assert not thread.is_alive()


class Dialogue:
    """A raw SMTP client: what smtplib would put right stays wrong."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
        self._stream = self._socket.makefile("rb")
        self.greeting = self.answer()

    def __enter__(self) -> Dialogue:
        return self

    def __exit__(self, *_: object) -> None:
        self._stream.close()
        self._socket.close()

    def send(self, octets: bytes) -> None:
        self._socket.sendall(octets)

    def say(self, line: str) -> str:
        self.send(line.encode() + b"\r\n")
        return self.answer()

    def answer(self) -> str:
        """The next answer, lines joined; "" when the server closed the session."""
        lines: list[str] = []
        try:
            while line := self._stream.readline().decode():
                lines.append(line.rstrip())
                if line[3:4] != "-":
                    break
        except ConnectionResetError:
            return ""
        return "\n".join(lines)

    def begin(self, recipient: str, sender: str = "kim@friends.example") -> None:
        """EHLO to the 354 of DATA."""
        assert self.say("EHLO client.example").startswith("250")
        assert self.say(f"MAIL FROM:<{sender}>").startswith("250")
        assert self.say(f"RCPT TO:<{recipient}>").startswith("250")
        assert self.say("DATA").startswith("354")
