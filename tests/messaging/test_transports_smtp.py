"""The SMTP transport against a real relay on loopback, in all its moods."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from threading import Thread

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from messaging.mime.types import Envelope
from messaging.outbound.transports import smtp
from messaging.outbound.transports.base import (
    OutcomeUnknown,
    PermanentFailure,
    SendFailure,
    SendResult,
    TransientFailure,
)
from messaging.outbound.transports.connection import Timeouts
from messaging.outbound.transports.relay import Relay, Tls, parse_relay_url
from messaging.outbound.transports.smtp import SmtpTransport, stuffed
from tests.fakes.proxy import FaultProxy
from tests.fakes.sink import Mood, Sink
from tests.fakes.tls import server_context

RAW = b"From: a@own.example\r\nMessage-ID: <1@own.example>\r\nSubject: x\r\n\r\nGood day.\r\n"
ENVELOPE = Envelope("b+token@own.example", ("kim@friends.example",))
PATIENT = Timeouts(connect=60, command=60, body=60, answer=60)


class Marks:
    """Stands in for the durable mark: how often it was asked for."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self) -> None:
        self.count += 1


@pytest.fixture(autouse=True)
def _no_connection_left() -> Iterator[None]:
    yield
    smtp.close_kept()


@pytest.fixture
def sink() -> Iterator[Sink]:
    with Sink() as sink:
        yield sink


def send(
    relay: str | Relay,
    raw: bytes = RAW,
    on_data: Callable[[], None] = lambda: None,
    *,
    timeouts: Timeouts = PATIENT,
) -> SendResult:
    where = parse_relay_url(relay) if isinstance(relay, str) else relay
    return SmtpTransport(where, timeouts=timeouts).send(ENVELOPE, raw, on_data=on_data)


def test_the_relays_answer_is_kept_when_it_takes_the_mail(sink: Sink) -> None:
    result = send(sink.url)
    assert (result.code, result.text) == ("250", "2.0.0 Taken")
    assert (sink.taken[0].sender, sink.taken[0].recipients) == (ENVELOPE.sender, ENVELOPE.recipients)


@pytest.mark.parametrize(
    ("mood", "failure", "code", "marks"),
    [
        (Mood.DEFER_AT_MAIL, TransientFailure, "450", 0),
        (Mood.CLOSING, TransientFailure, "421", 0),
        (Mood.DEFER_AT_RCPT, TransientFailure, "450", 0),
        (Mood.REFUSE_AT_RCPT, PermanentFailure, "550", 0),
        (Mood.DROP_AT_RCPT, TransientFailure, "connection_lost", 0),
        (Mood.REFUSE_AT_DATA, PermanentFailure, "554", 0),
        (Mood.DEFER_AFTER_DOT, TransientFailure, "451", 1),
        (Mood.REFUSE_AFTER_DOT, PermanentFailure, "554", 1),
        (Mood.DROP_AFTER_DOT, OutcomeUnknown, "answer_lost", 1),
        (Mood.DROP_BEFORE_DOT, OutcomeUnknown, "answer_lost", 1),
        (Mood.SILENT, OutcomeUnknown, "answer_lost", 1),
        (Mood.NONSENSE, OutcomeUnknown, "answer_unreadable", 1),
    ],
    ids=str,
)
@pytest.mark.parametrize("is_pipelining", [False, True], ids=["one by one", "pipelining"])
def test_an_answer_is_classified_once_when_the_relay_does_not_take_the_mail(
    sink: Sink, mood: Mood, failure: type[SendFailure], code: str, marks: int, is_pipelining: bool
) -> None:
    sink.mood, sink.is_pipelining = mood, is_pipelining
    marked = Marks()
    with pytest.raises(SendFailure) as caught:
        send(sink.url, on_data=marked, timeouts=replace(PATIENT, answer=0.3) if mood is Mood.SILENT else PATIENT)
    assert (type(caught.value), caught.value.code, marked.count) == (failure, code, marks)


def test_it_is_transient_when_nobody_listens() -> None:
    with socket.socket() as unheard:
        unheard.bind(("127.0.0.1", 0))
        port = unheard.getsockname()[1]
    with pytest.raises(TransientFailure, match="connect_failed"):
        send(f"smtp://127.0.0.1:{port}")


def test_no_byte_of_the_body_leaves_when_the_mark_is_refused(sink: Sink) -> None:
    def refuse() -> None:
        raise RuntimeError("stopped")

    with pytest.raises(RuntimeError, match="stopped"):
        send(sink.url, on_data=refuse)
    send(sink.url)
    assert len(sink.taken) == 1
    assert sink.connections_count == 2, "a connection that waits for a body is of no more use"


@pytest.mark.parametrize("is_pipelining", [False, True], ids=["one by one", "pipelining"])
def test_one_connection_serves_many_mails_whatever_becomes_of_them(sink: Sink, is_pipelining: bool) -> None:
    sink.is_pipelining = is_pipelining
    refusals = (Mood.REFUSE_AT_RCPT, Mood.DEFER_AT_MAIL, Mood.DEFER_AFTER_DOT)
    for mood in (Mood.ACCEPT, refusals[0], Mood.ACCEPT, *refusals[1:], Mood.ACCEPT):
        sink.mood = mood
        try:
            send(sink.url)
        except SendFailure:
            assert mood is not Mood.ACCEPT
    assert (len(sink.taken), sink.connections_count) == (3, 1)


@pytest.mark.parametrize("is_pipelining", [False, True], ids=["one by one", "pipelining"])
def test_the_recipient_waits_for_the_senders_answer_unless_the_relay_pipelines(sink: Sink, is_pipelining: bool) -> None:
    sink.is_pipelining = is_pipelining
    heard: list[bytes] = []

    class Tap:
        def client_said(self, piece: bytes) -> None:
            heard.append(b"C " + piece)

        def server_said(self, piece: bytes) -> None:
            heard.append(b"S " + piece)

        def answer_delay(self) -> float:
            return 0

    with FaultProxy(sink.port, new_tap=Tap) as proxy:
        send(f"smtp://127.0.0.1:{proxy.port}")
        smtp.close_kept()
    (mail,) = [number for number, piece in enumerate(heard) if piece.startswith(b"C MAIL")]
    assert (b"RCPT" in heard[mail]) is is_pipelining


def test_a_kept_connection_is_replaced_when_it_has_served_long(sink: Sink, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("messaging.outbound.transports.connection.MAX_TRANSACTIONS", 2)
    for _ in range(4):
        send(sink.url)
    assert (len(sink.taken), sink.connections_count) == (4, 2)


def test_a_kept_connection_that_died_is_replaced_without_a_failure() -> None:
    with Sink() as first:
        relay = parse_relay_url(first.url)
        send(relay)
    with Sink(port=relay.port) as second:
        send(relay)
        assert len(second.taken) == 1


LINES = st.text(alphabet="a.\t ", max_size=6).map(lambda line: line.encode() + b"\r\n")


@given(st.lists(LINES, min_size=1))
@settings(deadline=None)
def test_a_server_reads_back_the_same_bytes_when_lines_begin_with_dots(lines: list[bytes]) -> None:
    wire = stuffed(b"".join(lines)) + b".\r\n"
    read: list[bytes] = []
    for line in wire.split(b"\r\n"):
        if line == b".":
            break
        read.append((line[1:] if line.startswith(b".") else line) + b"\r\n")
    assert read == lines
    assert wire.endswith(b"\r\n.\r\n")


def test_dots_arrive_as_they_were_sent(sink: Sink) -> None:
    raw = RAW + b".\r\n..\r\n.leading\r\ninner.\r\n\r\n.\r\n"
    send(sink.url, raw)
    assert sink.taken[0].content == raw


def test_starttls_is_verified_when_it_is_required(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    context, certificate = server_context(tmp_path)
    with Sink(tls=context) as sink:
        with pytest.raises(TransientFailure, match="tls_certificate"):
            send(f"{sink.url}?tls=required")
        assert not sink.taken
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        send(f"{sink.url}?tls=required")
        assert sink.was_encrypted == [True]


def test_a_certificate_for_another_name_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    context, certificate = server_context(tmp_path, host="relay.example")
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with Sink(tls=context) as sink, pytest.raises(TransientFailure, match="tls_certificate"):
        send(f"{sink.url}?tls=required")


def test_nothing_goes_in_the_open_when_starttls_was_stripped(sink: Sink) -> None:
    with pytest.raises(TransientFailure, match="tls_unavailable"):
        send(f"{sink.url}?tls=required")
    assert sink.offered == []


def test_loopback_takes_what_is_offered(tmp_path: Path) -> None:
    context, _ = server_context(tmp_path)
    with Sink(tls=context) as sink:
        send(sink.url)
        send(f"{sink.url}?tls=none")
        assert sink.was_encrypted == [True, False]


def test_smtps_speaks_tls_from_the_first_byte(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    context, certificate = server_context(tmp_path)
    with Sink(tls=context, is_implicit_tls=True) as sink:
        url = sink.url.replace("smtp://", "smtps://") + "?tls=required"
        with pytest.raises(TransientFailure, match="tls_certificate"):
            send(url)
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        send(url)
        assert sink.was_encrypted == [True]


def test_answers_slipped_in_before_the_handshake_are_never_read(tmp_path: Path) -> None:
    context, _ = server_context(tmp_path)
    server = socket.create_server(("127.0.0.1", 0))
    said: list[bytes] = []
    thread = Thread(target=_inject_before_handshake, args=(server, context, said))
    thread.start()
    with pytest.raises(PermanentFailure, match="the real server"):
        send(f"smtp://127.0.0.1:{server.getsockname()[1]}")
    thread.join(timeout=60)
    server.close()
    assert said[-1].startswith(b"MAIL FROM")


def _inject_before_handshake(server: socket.socket, context: ssl.SSLContext, said: list[bytes]) -> None:
    plain, _ = server.accept()
    with plain:
        plain.sendall(b"220 relay\r\n")
        plain.recv(1000)
        plain.sendall(b"250-relay\r\n250 STARTTLS\r\n")
        plain.recv(1000)
        plain.sendall(b"220 go\r\n250 injected\r\n250 injected\r\n250 injected\r\n354 injected\r\n250 injected\r\n")
        with context.wrap_socket(plain, server_side=True) as encrypted:
            said.append(encrypted.recv(1000))
            encrypted.sendall(b"250 relay\r\n")
            said.append(encrypted.recv(1000))
            encrypted.sendall(b"550 the real server\r\n")


@pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")
def test_the_sign_in_is_used_and_its_refusal_says_nothing_of_the_mail(sink: Sink) -> None:
    sink.login = ("gatepost", "s3cret/")
    with pytest.raises(TransientFailure, match="auth_failed") as caught:
        send(f"smtp://gatepost:wrong@127.0.0.1:{sink.port}")
    assert "wrong" not in str(caught.value)
    with pytest.raises(TransientFailure, match="530"):
        send(sink.url)
    assert send(f"smtp://gatepost:s3cret%2F@127.0.0.1:{sink.port}").code == "250"


def test_the_password_is_not_sent_in_the_open_when_the_relay_is_elsewhere(
    sink: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Relay, "is_loopback", False)
    relay = Relay("127.0.0.1", sink.port, "gatepost", "s3cret", tls=Tls.OPPORTUNISTIC)
    with pytest.raises(TransientFailure, match="auth_needs_tls"):
        send(relay)
