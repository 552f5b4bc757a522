"""Receivers of webhooks: one that writes down what it took, and the ways in which others behave badly (A48, A49)."""

from __future__ import annotations

import contextlib
import gzip
import json
import socket
import ssl
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.parser import BytesHeaderParser
from functools import cache
from typing import Any

from .web import Answer, Web, bytes_of, listening, saying

KIB = 1024
MIB = 1024**2
LONG = 60.0
METADATA = "http://169.254.169.254/latest/meta-data/"
OK = bytes_of(content=b"ok", Connection="keep-alive")


@dataclass(frozen=True)
class Told:
    """One post as it came."""

    path: str
    headers: dict[str, str]
    body: bytes
    at: float

    @classmethod
    def of(cls, request: bytes) -> Told:
        head, _, body = request.partition(b"\r\n\r\n")
        first, _, lines = head.partition(b"\r\n")
        headers = {name.lower(): value for name, value in BytesHeaderParser().parsebytes(lines).items()}
        return cls(first.split(b" ")[1].decode(), headers, body, time.monotonic())

    @property
    def event_id(self) -> str:
        return self.headers["webhook-id"]

    @property
    def json(self) -> dict[str, Any]:
        told: dict[str, Any] = json.loads(self.body)
        return told


@dataclass
class Receiver:
    """Takes every post once it is well: until then each is answered by the next of `moods`, which `is_taken` if that
    means yes.
    """

    web: Web
    moods: list[Answer]
    is_taken: bool = False
    heard: list[Told] = field(default_factory=list)
    taken: list[Told] = field(default_factory=list)
    _turn: threading.Lock = field(default_factory=threading.Lock)

    @property
    def taken_ids(self) -> list[str]:
        """The ids of the events that were answered with a 200, in the order in which they came, each once."""
        return list(dict.fromkeys(one.event_id for one in self.taken))

    @property
    def door(self) -> str:
        """As WEBHOOK_ALLOW writes it."""
        return f"{self.web.host}:{self.web.port}"

    def hear(self, request: bytes) -> Answer:
        told = Told.of(request)
        with self._turn:
            self.heard.append(told)
            mood = self.moods.pop(0) if self.moods else None
            if mood is None or self.is_taken:
                self.taken.append(told)
        return mood or saying(OK)


@contextmanager
def receiver(
    moods: Sequence[Answer] = (),
    *,
    is_taken: bool = False,
    host: str = "127.0.0.1",
    tls: ssl.SSLContext | None = None,
) -> Iterator[Receiver]:
    """Listens while the `with` lasts."""
    made: list[Receiver] = []
    with listening(lambda request: made[0].hear(request), host=host, tls=tls) as web:
        made.append(Receiver(web, list(moods), is_taken))
        yield made[0]


# --- Ways to behave badly ---


def hanging(seconds: float, begun: bytes = b"") -> Answer:
    """Takes the post, says so much and no more, until the other side leaves or the seconds are over."""

    def answer(peer: socket.socket) -> None:
        peer.sendall(begun)
        peer.settimeout(seconds)
        with contextlib.suppress(TimeoutError):
            peer.recv(1)

    return answer


def dropping(begun: bytes = b"") -> Answer:
    """Says so much and is gone."""

    def answer(peer: socket.socket) -> None:
        peer.sendall(begun)
        peer.shutdown(socket.SHUT_RDWR)

    return answer


def redirecting(status: int, there: str) -> Answer:
    return saying(bytes_of(f"{status} Elsewhere", Location=there, Refresh=f"0; url={there}"))


def endless(piece: bytes, *, head: bytes = b"HTTP/1.1 200 OK\r\n", pause: float = 0) -> Answer:
    """Repeats the piece until the other side has gone."""

    def answer(peer: socket.socket) -> None:
        peer.sendall(head)
        while True:
            peer.sendall(piece)
            time.sleep(pause)

    return answer


def huge(size: int, *, is_announced: bool = True) -> Answer:
    """An answer of so many bytes, as fast as they are taken."""

    def answer(peer: socket.socket) -> None:
        length = f"Content-Length: {size}\r\n" if is_announced else ""
        peer.sendall(f"HTTP/1.1 200 OK\r\n{length}\r\n".encode())
        for _ in range(size // MIB):
            peer.sendall(bytes(MIB))

    return answer


@cache
def bomb() -> bytes:
    """128 MiB of nothing, packed."""
    return gzip.compress(bytes(128 * MIB))


@dataclass(frozen=True)
class Bad:
    """A way to behave badly, and what becomes of a post: the status that counts, or the code of a failure."""

    name: str
    answer: Answer
    outcome: int | str


def bad_ways(*, patience: float) -> list[Bad]:
    """All of them; `patience` is how long the sender waits, of which the slow ones take far more."""
    slow = patience * 3 + LONG
    return [
        Bad("500", saying(bytes_of("500 No")), 500),
        Bad("500 kept", saying(bytes_of("500 No", Connection="keep-alive")), 500),
        Bad("404", saying(bytes_of("404 Never heard")), 404),
        Bad("410", saying(bytes_of("410 Gone")), 410),
        Bad("429 for ever", saying(bytes_of("429 Slow", Retry_After="999999999")), 429),
        Bad("503 and no number", saying(bytes_of("503 No", Retry_After="soon, \xff")), 503),
        *(Bad(f"{code} inside", redirecting(code, METADATA), code) for code in (301, 302, 303, 307, 308)),
        Bad("302 to itself", redirecting(302, "/hook"), 302),
        Bad("hangs", hanging(slow), "timed_out"),
        Bad("hangs in the head", hanging(slow, b"HTTP/1.1 200"), "timed_out"),
        Bad("drips", endless(b"X", head=b"", pause=min(4, patience / 4)), "timed_out"),
        Bad("drips headers", endless(b"X: y\r\n", pause=min(4, patience / 4)), "timed_out"),
        Bad("drops", dropping(), "bad_answer"),
        Bad("drops in the head", dropping(b"HTTP/1.1 200 OK\r\nContent-"), "bad_answer"),
        Bad("headers without end", endless(b"X: y\r\n" * KIB), "too_large"),
        Bad("one header without end", endless(b"x" * 16 * KIB, head=b"HTTP/1.1 200 OK\r\nX: "), "too_large"),
        Bad("10,000 headers", saying(b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 10_000 + b"\r\n"), "bad_answer"),
        Bad("101 headers", saying(b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 101 + b"\r\n"), "bad_answer"),
        Bad("100 without end", endless(b"HTTP/1.1 100 Continue\r\n\r\n" * 100, head=b""), "too_large"),
        Bad("103 without end", endless(b"HTTP/1.1 103 Hints\r\nLink: x\r\n\r\n" * 100, head=b""), "too_large"),
        Bad("101", saying(b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\nmore"), "bad_answer"),
        Bad("not HTTP", dropping(b"SSH-2.0-OpenSSH_9.2\r\n"), "bad_answer"),
        Bad("nothing but NUL", dropping(bytes(KIB)), "bad_answer"),
    ]


def odd_ways() -> list[Bad]:
    """Answers that are a yes, and must do no harm."""
    packed = bytes_of(content=bomb(), Content_Encoding="gzip")
    return [
        Bad("128 MiB", huge(128 * MIB), 200),
        Bad("128 MiB without a length", huge(128 * MIB, is_announced=False), 200),
        Bad("a packed bomb", saying(packed), 200),
        Bad("not UTF-8", saying(bytes_of("200 \xff\xfe", b"\xff\xfe\x00", X_Odd="\xff", Connection="keep-alive")), 200),
        Bad("a cookie", saying(bytes_of(Set_Cookie="a=b; Path=/", Connection="keep-alive")), 200),
        Bad("100 first", saying(b"HTTP/1.1 100 Continue\r\n\r\n" + OK), 200),
        Bad("drops in the content", dropping(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx"), 200),
        Bad("two answers", saying(OK + bytes_of("500 No", Connection="keep-alive")), 200),
    ]
