"""Requests to servers that others chose, over real sockets on loopback: what is asked, endless and wrong answers
(A48, A49)."""

from __future__ import annotations

import gzip
import socket
import time
from typing import Any

import httpcore2
import pytest
from pytest_django import Settings

from messaging.safe_http import (
    Fetched,
    TimedOut,
    TooLarge,
    Unreachable,
    fetch,
    lines,
)
from tests.fakes.receiver import hanging
from tests.fakes.tls import Trust
from tests.fakes.web import Answer, bytes_of, saying, web_server

from .posting import post

KIB = 1024
LONG = 60.0


@pytest.fixture(autouse=True)
def _loopback_may_be_asked(settings: Settings) -> None:
    settings.ALLOWED_PRIVATE_HOSTS = ["127.0.0.1"]


def fetched(answer: Answer, *, max_bytes: int = 64 * KIB, seconds: float = LONG) -> Fetched:
    with web_server(answer) as web:
        return fetch(f"http://127.0.0.1:{web.port}/a?b", max_bytes=max_bytes, seconds=seconds)


def posted(answer: Answer, *, seconds: float = LONG) -> Fetched:
    with web_server(answer) as web:
        return post(f"http://127.0.0.1:{web.port}/a?b", body=b"{}", headers={}, seconds=seconds)


# --- What is asked and what comes back ---


def test_a_get_asks_plainly_and_gives_back_what_came() -> None:
    with web_server(saying(bytes_of(content=b"%PDF", Content_Type="application/pdf"))) as web:
        answer = fetch(f"http://127.0.0.1:{web.port}/a.pdf?b=%2F", max_bytes=4)
    assert (answer.status, answer.content, answer.headers["content-type"]) == (200, b"%PDF", "application/pdf")
    first, *lines = web.head.split("\r\n")
    assert first == "GET /a.pdf?b=%2F HTTP/1.1"
    assert dict(line.split(": ", 1) for line in lines) == {
        "Host": f"127.0.0.1:{web.port}",
        "User-Agent": "Gatepost",
        "Accept": "*/*",
        "Accept-Encoding": "identity",
        "Connection": "close",
    }


def test_a_post_carries_its_body_and_headers_and_keeps_those_that_are_ours() -> None:
    headers = {"Content-Type": "application/json", "X-Sig": "1", "HOST": "internal", "content-length": "0", "TE": "x"}
    with web_server(saying(bytes_of("202 Accepted", b"thanks"))) as web:
        answer = post(f"http://127.0.0.1:{web.port}/", body=b'{"a":1}', headers=headers)
    assert (answer.status, answer.content, web.body) == (202, b"thanks", b'{"a":1}')
    assert f"Host: 127.0.0.1:{web.port}" in web.head
    assert "Content-Length: 7" in web.head
    assert "X-Sig: 1" in web.head
    assert "internal" not in web.head
    assert "User-Agent: Gatepost" in web.head


def test_a_post_says_who_asks_as_its_caller_wishes_and_headers_in_utf8() -> None:
    with web_server(saying(bytes_of())) as web:
        post(f"http://127.0.0.1:{web.port}/", body=b"", headers={"user-agent": "Mine/1", "X-Name": "Zoë"})
    assert "user-agent: Mine/1" in web.head
    assert "Gatepost" not in web.head
    assert "Zoë".encode() in web.requests[-1]


def test_nothing_is_taken_from_the_environments_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    assert fetched(saying(bytes_of(content=b"here"))).content == b"here"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_an_answer_and_not_followed(status: int) -> None:
    with web_server(saying(bytes_of(content=b"secret"))) as inner:
        there = f"http://127.0.0.1:{inner.port}/"
        answer = fetched(saying(bytes_of(f"{status} Elsewhere", Location=there, Refresh=f"0; url={there}")))
    assert answer.status == status
    assert inner.connections == 0


def test_a_cookie_is_not_brought_back() -> None:
    with web_server(saying(bytes_of(Set_Cookie="a=b; Path=/"))) as web:
        for _ in range(2):
            fetch(f"http://127.0.0.1:{web.port}/", max_bytes=1)
    assert "cookie" not in web.head.lower()
    assert web.connections == 2  # nothing is kept open either


def test_an_answer_in_chunks_is_put_together() -> None:
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    assert fetched(saying(head + b"3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nTrailer: x\r\n\r\n")).content == b"abcde"


# --- Too much, too long, nothing at all ---


def test_an_answer_of_exactly_as_many_bytes_as_are_taken_is_taken_and_one_more_is_not() -> None:
    assert len(fetched(saying(bytes_of(content=b"x" * KIB)), max_bytes=KIB).content) == KIB
    for answer in (
        bytes_of(content=b"x" * (KIB + 1)),
        b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * (KIB + 1),
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n401\r\n" + b"x" * (KIB + 1) + b"\r\n0\r\n\r\n",
    ):
        with pytest.raises(TooLarge):
            fetched(saying(answer), max_bytes=KIB)


def test_an_announced_size_is_refused_before_its_bytes_are_read() -> None:
    with pytest.raises(TooLarge):
        fetched(saying(b"HTTP/1.1 200 OK\r\nContent-Length: 134217728\r\n\r\n"))


def endless(piece: bytes, *, head: bytes = b"HTTP/1.1 200 OK\r\n", pause: float = 0) -> Answer:
    """Until the other side has gone; a minute at most."""

    def answer(peer: socket.socket) -> None:
        until = time.monotonic() + LONG
        peer.sendall(head)
        while time.monotonic() < until:
            peer.sendall(piece)
            time.sleep(pause)

    return answer


@pytest.mark.parametrize(
    ("piece", "head"),
    [
        (b"x" * KIB, b"HTTP/1.1 200 OK\r\n\r\n"),
        (b"X: y\r\n", b"HTTP/1.1 200 OK\r\n"),
        (b"x" * KIB, b"HTTP/1.1 200 OK\r\nX: "),
        (b"HTTP/1.1 100 Continue\r\n\r\n", b""),
        (b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n", b""),
        (b"1;" + b"x" * 30 + b"\r\nx\r\n", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"),
        (b"x" * KIB, b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;"),
    ],
    ids=["body", "headers", "header", "continue", "early hints", "chunks", "chunk extension"],
)
def test_an_answer_without_an_end_is_left_before_the_time_is_over(piece: bytes, head: bytes) -> None:
    with pytest.raises((TooLarge, Unreachable)):
        fetched(endless(piece, head=head))


@pytest.mark.parametrize(
    "head",
    [b"", b"HTTP/1.1 200 OK\r\nX: ", b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n", b"HTTP/1.1 200 OK\r\n\r\n"],
    ids=["status", "header", "body", "body without a length"],
)
def test_an_answer_that_drips_is_left_when_the_time_is_over_however_it_drips(head: bytes) -> None:
    began = time.monotonic()
    with pytest.raises(TimedOut):
        fetched(endless(b"H", head=head, pause=0.05), seconds=0.5)
    assert time.monotonic() - began < LONG / 2


def test_a_server_that_says_nothing_is_left_when_the_time_is_over() -> None:
    with pytest.raises(TimedOut):
        fetched(hanging(LONG), seconds=0.3)


def test_a_server_that_does_not_speak_tls_in_time_is_left(trusted: Trust) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener, pytest.raises(TimedOut):
        fetch(f"https://127.0.0.1:{listener.getsockname()[1]}/", max_bytes=1, seconds=0.3)


def test_a_packed_answer_is_not_unpacked() -> None:
    bomb = gzip.compress(b"0" * 4 * KIB * KIB)
    with pytest.raises(Unreachable) as refused:
        fetched(saying(bytes_of(content=bomb, Content_Encoding="gzip")))
    assert refused.value.code == "encoded"
    assert posted(saying(bytes_of(content=bomb, Content_Encoding="gzip"))).content == bomb


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"HTTP/1.1 abc OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 101 + b"\r\n",
        b"\x00" * 100 + b"\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\nmore",
    ],
)
def test_an_answer_that_is_not_http_is_a_failure(answer: bytes) -> None:
    with pytest.raises(Unreachable) as failed:
        fetched(saying(answer))
    assert failed.value.code == "bad_answer"


def test_a_header_that_is_not_text_does_no_harm() -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Odd: \xff\xfe\r\n\r\n\xff\xfe"
    assert fetched(saying(head)).content == b"\xff\xfe"


def test_a_port_where_nobody_listens_is_a_failure() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(Unreachable) as failed:
        fetch(f"http://127.0.0.1:{port}/", max_bytes=1)
    assert failed.value.code == "connect_failed"


def test_a_server_that_takes_a_connection_back_at_once_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is gone before anybody can look who it was."""
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    connect_tcp = httpcore2.SyncBackend.connect_tcp
    opened: list[httpcore2.NetworkStream] = []

    def connect(*asked: Any, **more: Any) -> httpcore2.NetworkStream:
        opened.append(connect_tcp(*asked, **more))
        listener.close()  # resets whom it did not accept
        return opened[-1]

    monkeypatch.setattr(httpcore2.SyncBackend, "connect_tcp", connect)
    with pytest.raises(Unreachable) as refusal:
        fetch(f"http://127.0.0.1:{port}/", max_bytes=KIB)
    assert refusal.value.code == "connect_failed"
    assert [one.get_extra_info("socket").fileno() for one in opened] == [-1]


def test_the_status_of_a_post_stands_when_the_rest_of_the_answer_is_endless_or_breaks_off(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    head = b"HTTP/1.1 200 OK\r\n\r\n"
    monkeypatch.setattr(lines, "ECHO_SECONDS", LONG)
    assert len(posted(endless(b"x" * KIB, head=head)).content) == 16 * KIB
    monkeypatch.setattr(lines, "ECHO_SECONDS", 0.5)
    began = time.monotonic()
    assert posted(endless(b"x", head=head, pause=0.1)).status == 200
    assert time.monotonic() - began < LONG / 2
    assert posted(saying(b"HTTP/1.1 410 Gone\r\nContent-Length: 9\r\n\r\nx")).status == 410
