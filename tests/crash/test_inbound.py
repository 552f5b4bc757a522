"""kill -9 on the way in: what was answered 250 is never lost, and nothing is shown twice (I26, I27)."""

from __future__ import annotations

import os
import signal
import smtplib
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from django.db import connection

from mailboxes import clock
from mailboxes.models import Event
from messaging.inbound import intake
from messaging.models import Direction, Message, RawMessage, Status
from tests import builders
from tests.arrivals import receive
from tests.letters import letter

pytestmark = [pytest.mark.crash, pytest.mark.django_db(transaction=True)]

ROOT = Path(__file__).resolve().parents[2]
PROCESS = """
from mailboxes import clock
from messaging.inbound import intake
intake.process_due(limit=10, now=clock.now())
"""


def environment(*, faults: str = "", port: int = 0) -> dict[str, str]:
    database = connection.settings_dict
    url = f"postgresql://{database['USER']}@/{database['NAME']}?host={database['HOST']}"
    return {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "config.settings_test",
        "DATABASE_URL": url,
        "FAULTPOINTS": faults,
        "HOST": "127.0.0.1",
        "SMTP_PORT": str(port),
    }


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def smtpd(faults: str = "") -> Iterator[tuple[subprocess.Popen[str], int]]:
    """The real listener as a process of its own, and its port."""
    port = free_port()
    child = subprocess.Popen(
        [sys.executable, "manage.py", "smtpd"], cwd=ROOT, env=environment(faults=faults, port=port),
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    assert child.stdout is not None
    try:
        assert child.stdout.readline() == f"SMTP listens on 127.0.0.1:{port}\n"
        yield child, port
    finally:
        child.kill()
        child.wait()
        child.stdout.close()


def send(port: int, raw: bytes, recipient: str) -> bool:
    """Whether the server answered 250 to the mail."""
    client = smtplib.SMTP("127.0.0.1", port, local_hostname="client.example", timeout=20)
    try:
        client.ehlo()
        client.mail("kim@friends.example")
        client.rcpt(recipient)
        return client.data(raw)[0] == 250
    except smtplib.SMTPServerDisconnected:
        return False
    finally:
        client.close()


def shown() -> list[Message]:
    return list(Message.objects.filter(direction=Direction.INBOUND, status=Status.RELEASED))


def process_all() -> None:
    """What the sweep does, until nothing is left; a killed worker's claim ends when its connection is found dead."""
    until = time.monotonic() + 10
    while RawMessage.objects.filter(processed_at__isnull=True).exists() and time.monotonic() < until:
        intake.process_due(limit=10, now=clock.now())


@pytest.mark.parametrize("point", ["after_data", "before_commit", "after_commit", "after_250"])
def test_a_mail_is_shown_once_when_the_listener_is_killed(point: str) -> None:
    address, raw = builders.tenant().mailbox.full_address, letter()
    with smtpd(f"inbound.{point}=kill") as (child, port):
        is_answered = send(port, raw, address)
        assert child.wait(10) == -signal.SIGKILL
    assert is_answered == (point == "after_250")
    assert RawMessage.objects.exists() == (point in ("after_commit", "after_250"))
    if not is_answered:  # so the sender comes again, as mail servers do
        with smtpd() as (_, port):
            assert send(port, raw, address)
    process_all()
    assert len(shown()) == 1
    assert Event.objects.filter(kind="message.received").count() == 1


@pytest.mark.parametrize("point", ["before_commit", "after_commit"])
def test_a_mail_is_shown_once_when_its_reader_is_killed(point: str) -> None:
    receive(letter(), builders.tenant().mailbox.full_address)
    worker = subprocess.run(
        [sys.executable, "manage.py", "shell", "--no-imports", "-c", PROCESS],
        cwd=ROOT, env=environment(faults=f"parse.{point}=kill"), capture_output=True, check=False, timeout=60,
    )  # fmt: skip
    assert worker.returncode == -signal.SIGKILL
    assert len(shown()) == (point == "after_commit")
    process_all()
    assert len(shown()) == 1
    assert Event.objects.filter(kind="message.received").count() == 1


def test_the_listener_stops_soon_and_cleanly_when_it_is_asked() -> None:
    with smtpd() as (child, port):
        client = smtplib.SMTP("127.0.0.1", port, local_hostname="client.example", timeout=20)
        client.ehlo()
        child.terminate()
        assert child.wait(30) == 0  # and not when the client has been silent for minutes
        assert client.docmd("NOOP")[0] == 421
        client.close()


def test_a_port_in_use_is_one_clear_line() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        result = subprocess.run(
            [sys.executable, "manage.py", "smtpd"], cwd=ROOT, env=environment(port=port),
            capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip
    assert result.returncode == 1
    assert f"SMTP can't listen on 127.0.0.1:{port}" in result.stderr.splitlines()[-1]
