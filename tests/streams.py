"""A client of the event stream that keeps every byte it is sent, and a web server whose bell the tests can ring."""

from __future__ import annotations

import os
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

from channels.layers import channel_layers
from django.test import override_settings

from tests.browser.server import Server

PATIENCE = 60.0
# As the kernel writes them.
LOOPBACK, ESTABLISHED = f"{int.from_bytes(bytes([127, 0, 0, 1]), sys.byteorder):08X}", "01"
HEARTBEAT = b": heartbeat\n\n"


@contextmanager
def running_server(folder: Path, **environment: str) -> Iterator[Server]:
    """Daphne on the test database, with a Valkey of its own."""
    server = Server(folder, **environment)
    try:
        server.start()
        yield server
    finally:
        server.stop()


@contextmanager
def same_bell(server: Server) -> Iterator[None]:
    """What happens in this process rings there."""
    backend = "channels_redis.pubsub.RedisPubSubChannelLayer"
    layer = {"default": {"BACKEND": backend, "CONFIG": {"hosts": [server.valkey.url], "prefix": "gatepost"}}}
    with override_settings(CHANNEL_LAYERS=layer):
        channel_layers.backends.clear()
        yield
    channel_layers.backends.clear()


@dataclass(frozen=True)
class Frame:
    """One block of the stream: its fields, and its bytes as they came."""

    raw: bytes
    fields: dict[str, str] = field(default_factory=dict)

    @property
    def id(self) -> str:
        return self.fields.get("id", "")

    @property
    def event(self) -> str:
        return self.fields.get("event", "")


class Stream:
    """GET /v1/events over a socket. `frames` reads on; `status` and `headers` are there from the beginning."""

    def __init__(
        self, server: Server, key: str, query: str = "", *, last: str = "", path: str = "/v1/events", buffer: int = 0
    ) -> None:
        self._socket = socket.socket()
        if buffer:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        self._socket.settimeout(PATIENCE)
        self._socket.connect(("127.0.0.1", server.port))
        asked = [f"GET {path}{query and '?' + query} HTTP/1.1", f"Host: 127.0.0.1:{server.port}"]
        asked += [f"Authorization: Bearer {key}", "Accept: text/event-stream"]
        asked += [f"Last-Event-ID: {last}"] if last else []
        self._socket.sendall("\r\n".join([*asked, "", ""]).encode())
        self._read = b""
        self._body = b""
        self.is_over = False
        head = self._until(b"\r\n\r\n").decode()
        first, *lines = head.split("\r\n")
        self.status = int(first.split()[1])
        self.headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}

    def __enter__(self) -> Stream:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        self._socket.close()

    @property
    def port(self) -> int:
        """The client's own."""
        found: int = self._socket.getsockname()[1]
        return found

    def frames(self, *, seconds: float = PATIENCE) -> Iterator[Frame]:
        """Block by block, until the server ends the stream."""
        deadline = time.monotonic() + seconds
        while True:
            while b"\n\n" in self._body:
                raw, _, self._body = self._body.partition(b"\n\n")
                yield Frame(raw + b"\n\n", _fields(raw.decode()))
            if self.is_over:
                return
            assert time.monotonic() < deadline, f"no end of {self._body[:200]!r}"
            self._socket.settimeout(max(deadline - time.monotonic(), 0.01))
            self._body += self._chunk()

    def events(self, count: int, *, seconds: float = PATIENCE) -> list[Frame]:
        """The next so many that have an id."""
        found = []
        for frame in self.frames(seconds=seconds):
            if frame.id:
                found.append(frame)
            if len(found) == count:
                break
        return found

    def next(self, event: str) -> Frame:
        """The next frame of that name."""
        return next(frame for frame in self.frames() if frame.event == event)

    def until_open(self) -> Stream:
        """It has sent its first bytes."""
        next(self.frames())
        return self

    def rest(self, *, seconds: float = PATIENCE) -> bytes:
        """All bytes to the end, which comes within the seconds although heartbeats go on."""
        deadline = time.monotonic() + seconds
        self._socket.settimeout(seconds)
        if "content-length" in self.headers:
            while len(self._read) < int(self.headers["content-length"]):
                self._receive()
            return self._read
        while not self.is_over:
            assert time.monotonic() < deadline, f"no end of {self._body[-200:]!r}"
            self._body += self._chunk()
        return self._body

    def _chunk(self) -> bytes:
        try:
            size = int(self._until(b"\r\n"), 16)
            while len(self._read) < size + 2:
                self._receive()
        except ConnectionError:
            self.is_over = True
            return b""
        chunk, self._read = self._read[:size], self._read[size + 2 :]
        self.is_over = not size
        return chunk

    def _until(self, mark: bytes) -> bytes:
        while mark not in self._read:
            self._receive()
        found, _, self._read = self._read.partition(mark)
        return found

    def _receive(self) -> None:
        received = self._socket.recv(65536)
        if not received:
            raise ConnectionError("The server closed the connection.")
        self._read += received


def _fields(block: str) -> dict[str, str]:
    pairs = (line.partition(": ") for line in block.split("\n") if not line.startswith(":"))
    return {name: value for name, _, value in pairs}


def threads_of(pid: int) -> int:
    return len(os.listdir(f"/proc/{pid}/task"))


def has_open_end(of: int, to: int) -> bool:
    """Whether a server at port `of` of 127.0.0.1 has a connection to the client at port `to`, and has not closed it."""
    with open("/proc/net/tcp") as table:
        rows = [line.split()[1:4] for line in table]
    return [f"{LOOPBACK}:{of:04X}", f"{LOOPBACK}:{to:04X}", ESTABLISHED] in rows


def answer(server: Server, key: str, path: str) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and body of one request."""
    with Stream(server, key, path=path) as asked:
        return asked.status, asked.headers, asked.rest()
