"""A small load generator: kept HTTP/1.1 connections driven by one loop, the same for both sides of a measurement."""

from __future__ import annotations

import re
import selectors
import socket
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
ID = re.compile(rb'"id": ?"([0-9a-f-]{36})"')


@dataclass
class Load:
    """What came of a run. `ids` are of the answers with 201; `latencies` in milliseconds."""

    seconds: float = 0
    statuses: Counter[int] = field(default_factory=Counter)
    latencies: list[float] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)

    def count(self, client: _Client, status: int, body: bytes) -> None:
        self.statuses[status] += 1
        self.latencies.append((time.perf_counter() - client.sent_at) * 1000)
        if status == 201 and (found := ID.search(body)):
            self.ids.append(found[1].decode())

    @property
    def rate(self) -> float:
        return self.statuses[201] / self.seconds if set(self.statuses) == {201} else 0

    @property
    def p50(self) -> float:
        return self._percentile(0.50)

    @property
    def p99(self) -> float:
        return self._percentile(0.99)

    def _percentile(self, share: float) -> float:
        ordered = sorted(self.latencies)
        return ordered[min(int(len(ordered) * share), len(ordered) - 1)] if ordered else float("inf")


def request(path: str, body: bytes, *, key: str) -> bytes:
    """The bytes of one POST."""
    head = (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {key}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


@dataclass
class _Client:
    peer: socket.socket
    request: bytes
    sent_at: float = 0
    answer: bytes = b""

    def send(self) -> None:
        self.answer, self.sent_at = b"", time.perf_counter()
        self.peer.sendall(self.request)

    def receive(self) -> tuple[int, bytes] | None:
        """Status and body once the answer is whole. A connection that ends early is status 0."""
        part = self.peer.recv(65536)
        if not part:
            return 0, b""
        self.answer += part
        head, gap, body = self.answer.partition(b"\r\n\r\n")
        length = LENGTH.search(head)
        if not gap or (length and len(body) < int(length[1])):
            return None
        return int(head[9:12]), body


def drive(port: int, requests: Sequence[bytes], *, connections: int, seconds: float = 60, amount: int = 10**9) -> Load:
    """Keep `connections` busy, each repeating its request, until the time or the amount is over."""
    clients = [_Client(_connect(port), requests[number % len(requests)]) for number in range(connections)]
    load = Load()
    with selectors.DefaultSelector() as ready:
        begun = time.perf_counter()
        busy = clients[:amount]
        for client in busy:
            ready.register(client.peer, selectors.EVENT_READ, client)
            client.send()
        left = amount - len(busy)
        for client, (status, body) in _answers(ready):
            load.count(client, status, body)
            if status and left and time.perf_counter() - begun < seconds:
                client.send()
                left -= 1
            else:
                ready.unregister(client.peer)
        load.seconds = time.perf_counter() - begun
    for client in clients:
        client.peer.close()
    return load


def _answers(ready: selectors.BaseSelector) -> Iterator[tuple[_Client, tuple[int, bytes]]]:
    while ready.get_map():
        events = ready.select(timeout=30)
        assert events, "the server answers nobody"
        for key, _ in events:
            answer = key.data.receive()
            if answer is not None:
                yield key.data, answer


def _connect(port: int) -> socket.socket:
    peer = socket.create_connection(("127.0.0.1", port), timeout=30)
    peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return peer
