"""kill -9 of the web server while it accepts or decides: what was answered stands, and a repeated request acts once."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.conf import settings

from messaging.models import Message, Status
from oversight.models import Decision, Review
from tests import builders
from tests.crash.database import database_url

pytestmark = [pytest.mark.crash, pytest.mark.django_db(transaction=True)]

ASGI = "config.asgi:application"
MAIL = {"to": ["kim@friends.example"], "subject": "Hello", "bodyText": "Good day.\n"}


@contextmanager
def web(faultpoints: str = "") -> Iterator[tuple[int, subprocess.Popen[bytes]]]:
    """A Daphne of its own on the test database: its port and its process."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "config.settings_test",
        "DATABASE_URL": database_url(),
        "TESTING": "1",
        "FAULTPOINTS": faultpoints,
    }
    process = subprocess.Popen(
        [*(sys.executable, "-W", "ignore", "-m", "daphne", "-v", "0"), *("-b", "127.0.0.1", "-p", str(port)), ASGI],
        env=environment,
        cwd=settings.BASE_DIR,
        stderr=subprocess.DEVNULL,
    )
    try:
        _wait_for(port)
        yield port, process
    finally:
        process.kill()
        process.wait()


def post(port: int, path: str, key: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    """Status and JSON of the answer. Raises OSError or HTTPException when the server dies instead."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json", "Idempotency-Key": "one"}
    try:
        connection.request("POST", path, json.dumps(body), headers)
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())
    finally:
        connection.close()


@pytest.mark.parametrize(("point", "stored"), [("accept.before_commit", 0), ("accept.after_commit", 1)])
def test_a_send_is_accepted_once_when_the_server_dies(point: str, stored: int) -> None:
    alice = builders.tenant()
    path = f"/v1/mailboxes/{alice.mailbox.pk}/messages"
    with web(f"{point}=kill") as (port, process):
        with pytest.raises((OSError, http.client.HTTPException)):
            post(port, path, alice.key_text, MAIL)
        assert process.wait(10) == -signal.SIGKILL
    messages = Message.objects.filter(account=alice.account)
    assert messages.count() == stored
    with web() as (port, _):
        status, answer = post(port, path, alice.key_text, MAIL)
    message = messages.get()
    assert (status, answer["message"]["id"], message.status) == (201, str(message.pk), Status.HELD)
    assert Review.objects.filter(message=message).count() == 1


@pytest.mark.parametrize(("point", "decided"), [("decide.before_commit", 0), ("decide.after_commit", 1)])
def test_a_decision_is_made_once_when_the_server_dies(point: str, decided: int) -> None:
    review = builders.held(builders.tenant())
    key = builders.decide_key(builders.member(review.account))
    path = f"/v1/oversight/reviews/{review.pk}/approve"
    with web(f"{point}=kill") as (port, process):
        with pytest.raises((OSError, http.client.HTTPException)):
            post(port, path, key, {"version": 1})
        assert process.wait(10) == -signal.SIGKILL
    assert Decision.objects.filter(review=review).count() == decided
    with web() as (port, _):
        status, answer = post(port, path, key, {"version": 1})
    assert (status, answer.get("code")) in ((200, None), (409, "already_decided"))
    assert Decision.objects.filter(review=review).count() == 1
    assert Message.objects.get(pk=review.message_id).status == Status.QUEUED


def _wait_for(port: int) -> None:
    until = time.monotonic() + 60
    while time.monotonic() < until:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.1)
    raise AssertionError("the web server did not start")
