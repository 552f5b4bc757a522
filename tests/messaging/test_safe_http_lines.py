"""Kept connections to receivers of webhooks: when one is used again, and when never (A47, F11)."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from pytest_django import Settings

from messaging.safe_http import Fetched, Lines, Refused, TimedOut, Unreachable, exchange, lines, timing, urls
from tests.fakes.receiver import hanging
from tests.fakes.tls import Trust
from tests.fakes.turncoat_dns import turncoat
from tests.fakes.web import Answer, Web, bytes_of, saying, web_server

OK = bytes_of(content=b"ok", Connection="keep-alive")
LONG = 60.0


@pytest.fixture(autouse=True)
def _nobody_is_in_a_hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also an answer of two bytes may be long on its way; tests of our patience set it."""
    monkeypatch.setattr(lines, "ECHO_SECONDS", LONG)


@pytest.fixture
def kept() -> Iterator[Lines]:
    with Lines(idle_seconds=10 * LONG, age_seconds=10 * LONG) as made:
        yield made


def told(kept: Lines, web: Web, *, seconds: float = LONG) -> Fetched:
    allow = frozenset({(web.host, web.port)})
    return kept.post(f"http://{web.host}:{web.port}/hook", body=b"{}", headers={}, seconds=seconds, allow=allow)


class Watch:
    """Stands in for the module `time`, and can be set forward."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def monotonic(self) -> float:
        return time.monotonic() + self.ahead


class Turns:
    """Answers each request in its turn; the last answer stays."""

    def __init__(self, *answers: Answer) -> None:
        self._answers = list(answers)

    def __call__(self, peer: socket.socket) -> None:
        answer = self._answers[0] if len(self._answers) == 1 else self._answers.pop(0)
        answer(peer)


def closing(peer: socket.socket) -> None:
    peer.shutdown(socket.SHUT_RDWR)


# --- Kept ---


def test_one_connection_carries_many_posts_when_the_receiver_keeps_it(kept: Lines) -> None:
    with web_server(saying(OK), keeps=True) as web:
        assert [told(kept, web).content for _ in range(5)] == [b"ok"] * 5
        kept.close()
    assert web.connections == 1
    assert len(web.requests) == 5
    assert "connection:" not in web.head.lower()


def test_posts_at_once_go_over_a_connection_each_and_few_of_them_are_kept(kept: Lines) -> None:
    together = threading.Barrier(12)

    def slowly(peer: socket.socket) -> None:
        together.wait(LONG)
        peer.sendall(OK)

    with web_server(slowly, keeps=True) as web, ThreadPoolExecutor(12) as pool:
        for _ in range(2):
            answers = [pool.submit(told, kept, web) for _ in range(12)]
            assert {answer.result().status for answer in answers} == {200}
        kept.close()
    assert web.connections == 12 + 12 - lines.PER_ORIGIN
    assert len(web.requests) == 24


def test_no_more_connections_wait_than_may_however_many_receivers_there_are(
    kept: Lines, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lines, "MAX_IDLE", 1)
    with web_server(saying(OK), keeps=True) as one, web_server(saying(OK), keeps=True) as other:
        for web in (one, other, other, one):
            told(kept, web)
        kept.close()
    assert (one.connections, other.connections) == (2, 1)


def test_a_connection_that_waited_too_long_is_not_used_again() -> None:
    with web_server(saying(OK), keeps=True) as web, Lines(idle_seconds=0.05) as kept:
        told(kept, web)
        time.sleep(0.1)
        told(kept, web)
    assert web.connections == 2


def test_nothing_is_kept_by_a_post_that_ends_after_the_closing(kept: Lines) -> None:
    with web_server(saying(OK), keeps=True) as web:
        kept.close()
        told(kept, web)
        told(kept, web)
    assert web.connections == 2


@pytest.mark.parametrize(
    "answer",
    [
        bytes_of(content=b"ok"),
        b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n",
        bytes_of(content=b"x" * (lines.MAX_ECHO + 1), Connection="keep-alive"),
        OK + b"more",
        OK + OK,
        b"HTTP/1.1 100 Continue\r\n\r\n" + OK + b"\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\nH",
    ],
    ids=["close", "1.0", "too long", "more", "twice", "empty line", "chunked and more"],
)
def test_a_connection_is_not_used_again_when_its_answer_was_not_the_end(kept: Lines, answer: bytes) -> None:
    with web_server(saying(answer), keeps=True) as web:
        assert [told(kept, web).status for _ in range(2)] == [200, 200]
    assert web.connections == 2


def test_a_connection_is_not_used_again_when_something_came_behind_its_answer(kept: Lines) -> None:
    came = threading.Event()

    def late(peer: socket.socket) -> None:
        peer.sendall(OK)
        time.sleep(0.1)
        peer.sendall(bytes_of("500 No", Connection="keep-alive"))
        came.set()

    with web_server(late, keeps=True) as web:
        assert told(kept, web).status == 200
        assert came.wait(LONG)
        assert told(kept, web).status == 200
    assert web.connections == 2


def test_an_answer_whose_end_is_kept_back_costs_little_time_and_the_connection(
    kept: Lines, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lines, "ECHO_SECONDS", 0.3)
    began = time.monotonic()
    with web_server(saying(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\no"), keeps=True) as web:
        assert told(kept, web).status == 200
        told(kept, web)
        assert time.monotonic() - began < LONG / 2
    assert web.connections == 2


# --- Once more ---


def test_a_post_goes_once_more_when_its_kept_connection_was_closed_meanwhile(kept: Lines) -> None:
    with web_server(Turns(saying(OK), closing, saying(OK)), keeps=True) as web:
        assert told(kept, web).status == 200
        assert told(kept, web).status == 200
    assert web.connections == 2
    assert len(web.requests) == 3  # the second post came twice, and nobody can know


def test_a_post_goes_no_second_time_when_its_connection_is_fresh(kept: Lines) -> None:
    with web_server(closing, keeps=True) as web, pytest.raises(Unreachable) as failed:
        told(kept, web)
    assert failed.value.code == "bad_answer"
    assert len(web.requests) == 1


def test_a_post_goes_no_third_time(kept: Lines) -> None:
    with web_server(Turns(saying(OK), closing), keeps=True) as web:
        told(kept, web)
        with pytest.raises(Unreachable):
            told(kept, web)
    assert len(web.requests) == 3


def test_a_post_goes_no_second_time_when_an_answer_had_begun(kept: Lines) -> None:
    def broken(peer: socket.socket) -> None:
        peer.sendall(b"H")
        closing(peer)

    with web_server(Turns(saying(OK), broken), keeps=True) as web:
        told(kept, web)
        with pytest.raises(Unreachable):
            told(kept, web)
    assert len(web.requests) == 2


def test_both_tries_have_one_deadline(kept: Lines, monkeypatch: pytest.MonkeyPatch) -> None:
    watch = Watch()
    monkeypatch.setattr(timing, "time", watch)

    def late(peer: socket.socket) -> None:
        watch.ahead += 400
        closing(peer)

    def later(peer: socket.socket) -> None:
        watch.ahead += 300
        hanging(LONG / 2, b"H")(peer)  # at this byte a sender looks at its watch; whoever stays hears the rest
        peer.sendall(OK[1:])

    with web_server(Turns(saying(OK), late, later), keeps=True) as web:
        told(kept, web)
        with pytest.raises(TimedOut):
            told(kept, web, seconds=600)
    assert len(web.requests) == 3


def test_a_post_that_hangs_on_a_kept_connection_is_not_tried_again(kept: Lines) -> None:
    with web_server(Turns(saying(OK), hanging(LONG)), keeps=True) as web:
        told(kept, web)
        with pytest.raises(TimedOut):
            told(kept, web, seconds=0.3)
    assert len(web.requests) == 2


def test_a_post_has_the_bytes_of_one_answer_however_many_came_before_it(kept: Lines) -> None:
    answer = bytes_of(content=b"x" * lines.MAX_ECHO, Connection="keep-alive")
    with web_server(saying(answer), keeps=True) as web:
        assert {len(told(kept, web).content) for _ in range(10)} == {lines.MAX_ECHO}
        kept.close()
    assert web.connections == 1


def test_a_slow_reader_of_a_long_body_gets_no_more_than_the_time_there_is(kept: Lines) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        port = listener.getsockname()[1]

        is_over = threading.Event()

        def sip() -> None:
            until = time.monotonic() + LONG
            peer, _ = listener.accept()
            with peer:
                while time.monotonic() < until and peer.recv(2048) and not is_over.wait(0.05):
                    pass

        reader = threading.Thread(target=sip)
        reader.start()
        url, allow = f"http://127.0.0.1:{port}/", frozenset({("127.0.0.1", port)})
        began = time.monotonic()
        with pytest.raises(TimedOut):
            kept.post(url, body=b"x" * 8 * 1024**2, headers={}, seconds=0.5, allow=allow)
        assert time.monotonic() - began < LONG / 2
        is_over.set()
        reader.join()


# --- For whom ---


@pytest.fixture
def two_names(settings: Settings, trusted: Trust, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Web, list[str]]]:
    """A server on 127.0.0.2, taken for a public address, with a certificate for hooks.example alone."""
    monkeypatch.setattr("messaging.safe_http.addresses.is_public", lambda address: str(address) == "127.0.0.2")
    everybody = {name: [["A 127.0.0.2"], ["A 127.0.0.2"], ["A 127.0.0.1"]] for name in ("hooks.example", "b.example")}
    context = trusted("hooks.example")
    with (
        web_server(saying(OK), host="127.0.0.2", tls=context, keeps=True) as web,
        turncoat(everybody) as dns,
    ):
        settings.DNS_RESOLVERS = [dns.address]
        monkeypatch.setitem(urls.PORTS, "https", (web.port,))
        yield web, [name for name, _ in dns.asked]


@pytest.mark.allow_hosts(["127.0.0.1", "127.0.0.2"])
def test_a_connection_is_used_for_the_name_alone_that_it_was_verified_for(
    kept: Lines, two_names: tuple[Web, list[str]]
) -> None:
    web, _ = two_names
    post(kept, f"https://hooks.example:{web.port}/")
    with pytest.raises(Unreachable) as failed:
        post(kept, f"https://b.example:{web.port}/")
    assert failed.value.code == "tls_failed"
    post(kept, f"https://hooks.example:{web.port}/")
    kept.close()
    assert web.server_names == ["hooks.example", "b.example"]
    assert len(web.requests) == 2


@pytest.mark.allow_hosts(["127.0.0.1", "127.0.0.2"])
def test_a_name_is_asked_again_when_its_connection_is_old_however_busy_it_is(
    kept: Lines, two_names: tuple[Web, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    web, _ = two_names
    watch = Watch()
    monkeypatch.setattr(exchange, "time", watch)
    for _ in range(2):
        for _ in range(3):
            post(kept, f"https://hooks.example:{web.port}/")
        watch.ahead += 10 * LONG
    with pytest.raises(Refused) as refused:  # it turns at the third question
        post(kept, f"https://hooks.example:{web.port}/")
    assert refused.value.code == "blocked_address"
    assert web.connections == 2
    assert len(web.requests) == 6


def test_a_connection_that_was_allowed_is_not_used_when_it_is_not(kept: Lines) -> None:
    with web_server(saying(OK), keeps=True) as web:
        told(kept, web)
        for url in (f"http://127.0.0.1:{web.port}/", f"https://127.0.0.1:{web.port}/"):
            with pytest.raises(Refused):
                post(kept, url)
        kept.close()
    assert len(web.requests) == 1


def post(kept: Lines, url: str) -> Fetched:
    return kept.post(url, body=b"{}", headers={}, seconds=LONG)
