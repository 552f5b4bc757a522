"""From the API to the relay, beside a Celery task per mail on the same broker (performance, P4).

Ours: 2,000 sends over HTTP by 16 connections, durable, gated by policy, told as events, until all are at the sink. The
reference: 2,000 `send_mail` tasks, prefork 2, put into the queue by one loop; nothing of it survives a lost broker.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mailboxes.models import LimitKind
from mailboxes.modes import OversightMode
from messaging.models import Message
from tests import builders
from tests.bench import http_load
from tests.bench.side_by_side import Comparison, in_turn
from tests.bench.stack import Stack
from tests.fakes.postfix import PostfixSink, postfix_sink

pytestmark = pytest.mark.django_db(transaction=True)

MAILS = int(os.environ.get("MAILS", "2000"))
REPEATS = int(os.environ.get("REPEATS", "5"))
CONNECTIONS = 16
ACCOUNTS = 8
PATIENCE = 90
TEXT = "It left today.\n" * 133
FLAGS = ("--without-mingle", "--without-gossip", "--without-heartbeat", "-O", "fair", "--loglevel", "WARNING")
# Puts MAILS tasks into the queue; a process of its own, since the reference is configured by itself.
FILL = """
import sys
from tests.bench.references.celery_send import send
print(flush=True)
input()
for number in range(int(sys.argv[1])):
    send.delay("Your order has shipped", sys.argv[2], f"kim{number}@friends.example")
"""


@pytest.fixture
def sink() -> Iterator[PostfixSink]:
    with postfix_sink() as sink:
        yield sink


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    with Stack(tmp_path) as stack:
        yield stack


def test_from_the_api_to_the_relay(stack: Stack, sink: PostfixSink) -> None:
    relay = {"RELAY_URL": f"{sink.url}?tls=none"}
    port = stack.web("web", "config.asgi:application", **relay)
    celery = ("-m", "celery", "--quiet", "-A", "config")
    stack.start("worker", *celery, "worker", "--pool", "prefork", "-c", "2", *FLAGS, **relay)
    stack.start("beat", *celery, "beat", "--pidfile=", "-s", str(stack.folder / "schedule"), **relay)
    broker = (
        f"redis+socket://{stack.valkey.places.valkey_socket}?virtual_host=1"  # the same Valkey, apart from our queue
    )
    reference = {"SINK_PORT": str(sink.port), "REFERENCE_BROKER": broker}
    app = ("-m", "celery", "--quiet", "-A", "tests.bench.references.celery_send")
    stack.start("reference", *app, "worker", "--pool", "prefork", "-c", "2", *FLAGS, **reference)
    requests = [_send(number) for number in range(ACCOUNTS)]
    _until_all_arrived(sink, lambda: _drive(port, requests, 50), 50)
    _until_all_arrived(sink, lambda: _fill(stack, reference, 50), 50)
    _until_nothing_waits()
    mine, theirs = in_turn(
        lambda: _until_all_arrived(sink, lambda: _drive(port, requests, MAILS), MAILS),
        lambda: _until_all_arrived(sink, lambda: _fill(stack, reference, MAILS), MAILS),
        repeats=REPEATS,
    )
    ours = f"{MAILS:,} sends by the API, until all are at the relay"
    Comparison("P4", ours, "Celery send_mail per task, prefork 2", "/s", mine, theirs, wanted=1.5).keep()
    assert 0 not in mine, "mail was lost or doubled"
    assert set(Message.objects.values_list("status", flat=True)) == {"sent"}


def _until_all_arrived(sink: PostfixSink, begin: Callable[[], float], amount: int) -> float:
    """Mails a second; 0 when one came twice; fails when one is missing. `begin` tells when it asked for the first."""
    assert sink.dumps is not None
    for dump in sink.dumps.iterdir():
        dump.unlink()
    begun = begin()
    until = time.monotonic() + PATIENCE
    while (arrived := sum(1 for _ in sink.dumps.iterdir())) < amount and time.monotonic() < until:
        time.sleep(0.02)
    seconds = time.monotonic() - begun
    assert arrived >= amount, f"{arrived} of {amount} arrived in {PATIENCE} s"
    time.sleep(1)  # a second copy would come by now
    copies: Counter[str] = sink.copies()
    is_exact = len(copies) == amount and set(copies.values()) == {1}
    print(f"{arrived} in {seconds:.1f} s", end="; ", flush=True)
    return amount / seconds if is_exact else 0


def _until_nothing_waits() -> None:
    """The mails of the sign-ups have left too."""
    until = time.monotonic() + PATIENCE
    while Message.objects.filter(status__in=("queued", "sending")).exists():
        assert time.monotonic() < until, "the worker does not empty the outbox"
        time.sleep(0.1)


def _drive(port: int, requests: list[bytes], amount: int) -> float:
    begun = time.monotonic()
    load = http_load.drive(port, requests, connections=CONNECTIONS, amount=amount, seconds=PATIENCE)
    assert set(load.statuses) == {201}, load.statuses
    return begun


def _fill(stack: Stack, environment: dict[str, str], amount: int) -> float:
    with subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", FILL, str(amount), TEXT],
        env=stack.environment(environment),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as filler:
        assert filler.stdout is not None
        filler.stdout.readline()  # it has imported what it needs
        begun = time.monotonic()
        filler.communicate(b"\n", timeout=PATIENCE)
    return begun


def _send(number: int) -> bytes:
    tenant = builders.tenant(f"agent{number}", mode=OversightMode.AUTONOMOUS)
    for kind in LimitKind:
        builders.limit(tenant.account, kind, 0)
    body = {"to": ["kim@friends.example"], "subject": "Your order has shipped", "bodyText": TEXT}
    path = f"/v1/mailboxes/{tenant.mailbox.pk}/messages"
    return http_load.request(path, json.dumps(body).encode(), key=tenant.key_text)
