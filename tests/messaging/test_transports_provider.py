"""Providers' HTTP APIs: the sealed bytes as they are, or not at all. The provider is a small server on loopback."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest
from django.core.checks import run_checks
from pytest_django import Settings

from messaging.mime.types import Envelope
from messaging.outbound.transports.base import (
    OutcomeUnknown,
    PermanentFailure,
    SendFailure,
    SendResult,
    TransientFailure,
)
from messaging.outbound.transports.provider import ProviderTransport

RAW = b"DKIM-Signature: x\r\nFrom: a@own.example\r\n\r\nGood day.\r\n.\r\n"
ENVELOPE = Envelope("b+token@own.example", ("kim@friends.example",))
TAKEN = json.dumps({"status": "success", "id": "<1@own.example>", "message": "Queued. Thank you.", "data": {}})


@dataclass
class Provider:
    """What it answers, and what it got: path, headers, body."""

    status: int = 200
    answer: str = TAKEN
    hangs_up: bool = False
    got: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)


@pytest.fixture
def provider(settings: Settings) -> Iterator[Provider]:
    state = Provider()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            state.got.append((self.path, dict(self.headers), body))
            if state.hangs_up:
                return
            self.send_response(state.status)
            self.end_headers()
            self.wfile.write(state.answer.encode())

        def log_message(self, *_arguments: object) -> None:
            """Silent."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        settings.EMAIL_PROVIDER_KEY = "s3cret"
        settings.EMAIL_PROVIDER_URL = f"http://127.0.0.1:{server.server_address[1]}/"
        yield state
        server.shutdown()


def send(name: str) -> SendResult:
    return ProviderTransport(name).send(ENVELOPE, RAW, on_data=lambda: None)


def test_postal_gets_the_sealed_bytes_and_our_envelope(provider: Provider) -> None:
    assert send("postal").code == "200"
    ((path, headers, body),) = provider.got
    sent = json.loads(body)
    assert (path, headers["X-Server-API-Key"]) == ("/api/v1/send/raw", "s3cret")
    assert (sent["mail_from"], sent["rcpt_to"]) == (ENVELOPE.sender, list(ENVELOPE.recipients))
    assert base64.b64decode(sent["data"]) == RAW


def test_mailgun_gets_the_sealed_bytes_without_tracking(provider: Provider) -> None:
    assert send("mailgun").code == "200"
    ((path, _, body),) = provider.got
    assert path == "/own.example/messages.mime"
    assert RAW in body
    assert b'name="o:tracking"\r\n\r\nno\r\n' in body


@pytest.mark.parametrize(
    ("status", "answer", "failure"),
    [
        (401, "bad key", TransientFailure),
        (429, "slow down", TransientFailure),
        (400, "no such recipient", PermanentFailure),
        (200, '{"status": "error", "data": {"message": "no"}}', PermanentFailure),
        (200, "<html>", OutcomeUnknown),
        (502, "gateway", OutcomeUnknown),
        (302, "elsewhere", OutcomeUnknown),
    ],
)
def test_an_answer_is_never_guessed(provider: Provider, status: int, answer: str, failure: type[SendFailure]) -> None:
    provider.status, provider.answer = status, answer
    with pytest.raises(failure):
        send("postal")


def test_the_outcome_is_unknown_when_the_provider_hangs_up(provider: Provider) -> None:
    provider.hangs_up = True
    with pytest.raises(OutcomeUnknown):
        send("postal")


def test_it_is_transient_when_nobody_listens(provider: Provider, settings: Settings) -> None:
    settings.EMAIL_PROVIDER_URL = "http://127.0.0.1:9/"
    with pytest.raises(TransientFailure, match="connect_failed"):
        send("postal")


@pytest.mark.parametrize("name", ["sendgrid", "postmark", "resend", "amazon_ses"])
def test_a_provider_that_would_rewrite_the_mail_is_refused_at_start(settings: Settings, name: str) -> None:
    settings.EMAIL_PROVIDER = name
    (problem,) = [found for found in run_checks() if found.id == "messaging.E001"]
    assert "RELAY_URL" in problem.msg


def test_the_check_names_what_is_missing_or_contradicts(settings: Settings) -> None:
    settings.EMAIL_PROVIDER = "postal"
    settings.RELAY_URL = "smtp://user:s3cret@relay.example?tls=none"
    found = " ".join(one.msg for one in run_checks() if one.id == "messaging.E001")
    assert "EMAIL_PROVIDER_KEY" in found
    assert "both" in found
    assert "s3cret" not in found
