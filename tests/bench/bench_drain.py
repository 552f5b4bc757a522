"""The outbox drained into smtp-sink (performance, P1, P2, P3, P5): beside django-post-office's own command, and beside
the bare loop of smtplib over one kept connection. All in turn, 2,000 mails of 2,000 octets into a sink of its own each.

Ours: two worker processes as in production, gate, policy, events, a state per recipient, marks; RSA-2048 or, for the
comparison with programs that do not sign, no signature. A run in which a mail was lost or doubled counts as 0.
"""

from __future__ import annotations

import os
import smtplib
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psycopg
import pytest
import zeal
from django.conf import settings
from django.db import connection

from config.invariants import check_all
from mailboxes.modes import OversightMode
from messaging.outbound import dispatch
from tests import builders
from tests.bench.conversations import Talker, talker
from tests.bench.full_outbox import fill
from tests.bench.side_by_side import Comparison, in_turn
from tests.builders import Tenant
from tests.chaos.processes import database_url
from tests.fakes.postfix import PostfixSink, postfix_sink
from tests.valkey import running_valkey

pytestmark = pytest.mark.django_db(transaction=True)

COUNT = int(os.environ.get("COUNT", "2000"))
REPEATS = int(os.environ.get("REPEATS", "5"))
WORKERS = 2
THREADS = int(os.environ.get("THREADS", str(dispatch.THREADS)))
OCTETS = 2000
LAST_MAIL_ARRIVES = 0.3

BUDGET = {"signed": 0.65, "unsigned": 0.3}


class Ours:
    """Two workers of the real code, and what their CPU came to per mail."""

    def __init__(self, owner: Tenant, workers: list[Talker]) -> None:
        self._owner, self._workers = owner, workers
        self.cpu: dict[str, list[float]] = {"signed": [], "unsigned": []}

    def drain(self, kind: str) -> float:
        """Mails a second, milliseconds of CPU kept aside."""
        message_ids = fill(self._owner, COUNT, octets=OCTETS)
        with postfix_sink() as sink:
            begun = time.monotonic()
            for worker in self._workers:
                worker.ask(f"{sink.url} {kind} {THREADS}")
            told = [worker.answer() for worker in self._workers]
            seconds = time.monotonic() - begun
            is_whole = copies(sink) == dict.fromkeys(message_ids, 1)
        self.cpu[kind].append(sum(one["cpu"] for one in told) / COUNT * 1000)
        return COUNT / seconds if is_whole else 0


class PostOffice:
    """django-post-office in a process and a database of its own."""

    def __init__(self, process: Talker) -> None:
        self._process = process
        self.cpu: list[float] = []

    def drain(self) -> float:
        self._process.ask(f"fill {COUNT}")
        self._process.answer()
        with postfix_sink() as sink:
            self._process.ask(f"drain {sink.port}")
            told = self._process.answer()
            is_whole = len(copies(sink)) == told["count"] == COUNT
        self.cpu.append(told["cpu"] / COUNT * 1000)
        return COUNT / float(told["seconds"]) if is_whole else 0


def bare_loop() -> float:
    """One kept connection, no database, no queue: what smtplib can do."""
    line = b"Good day to you, and thank you for all of this.\r\n"
    with postfix_sink() as sink:
        client = smtplib.SMTP("127.0.0.1", sink.port, local_hostname="bench.example")
        begun = time.monotonic()
        for number in range(COUNT):
            head = b"From: a@agents.example\r\nSubject: Hello\r\nMessage-ID: <%d@agents.example>\r\n\r\n" % number
            client.sendmail(
                "a@agents.example", ["kim@friends.example"], head + line * ((OCTETS - len(head)) // len(line))
            )
        seconds = time.monotonic() - begun
        client.quit()
        is_whole = len(copies(sink)) == COUNT
    return COUNT / seconds if is_whole else 0


def copies(sink: PostfixSink) -> dict[str, int]:
    """How often each Message-ID arrived, once the sink has put down its last file."""
    time.sleep(LAST_MAIL_ARRIVES)
    return dict(sink.copies())


@contextmanager
def post_office() -> Iterator[PostOffice]:
    """A new database in the test's server, and the process on it."""
    url = os.environ["DATABASE_ADMIN_URL"].replace("/gatepost?", "/post_office?")
    with psycopg.connect(os.environ["DATABASE_ADMIN_URL"].replace("/gatepost?", "/postgres?"), autocommit=True) as one:
        one.execute("DROP DATABASE IF EXISTS post_office")
        one.execute("CREATE DATABASE post_office")
    python = str(settings.BASE_DIR / ".venv-bench/bin/python")
    with talker([python, "tests/bench/references/post_office_drain.py", url], os.environ) as process:
        yield PostOffice(process)


@contextmanager
def ours() -> Iterator[Ours]:
    environment = {**os.environ, "DATABASE_URL": database_url(), "TESTING": "1"}
    with zeal.zeal_ignore(), ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="gatepost-bench-"))
        url = stack.enter_context(running_valkey(Path(folder)))
        argv = [sys.executable, "-W", "ignore", "-m", "tests.bench.drain_worker", url]
        owner = builders.tenant(mode=OversightMode.AUTONOMOUS)
        dispatch.drain()
        yield Ours(owner, [stack.enter_context(talker(argv, environment)) for _ in range(WORKERS)])


def test_the_outbox_is_drained_beside_post_office_and_the_bare_loop() -> None:
    with ours() as we, post_office() as they:
        we.drain("signed")  # connections, prepared statements, imports
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE")  # what autovacuum does within a minute
        we.cpu = {"signed": [], "unsigned": []}
        signed, unsigned, reference, bare = in_turn(
            lambda: we.drain("signed"), lambda: we.drain("unsigned"), they.drain, bare_loop, repeats=REPEATS
        )
        broken = [result.invariant.id for result in check_all() if not result.holds]
    assert broken == []
    office, loop = "django-post-office, unsigned", "smtplib, 1 kept connection"
    Comparison("P1", "drain, RSA-2048", office, "mails/s", signed, reference, 2).keep()
    Comparison("P2", "drain, unsigned", office, "mails/s", unsigned, reference, 3).keep()
    Comparison("P3 signed", "drain, RSA-2048", loop, "mails/s", signed, bare, 0.4).keep()
    Comparison("P3 unsigned", "drain, unsigned", loop, "mails/s", unsigned, bare, 0.7).keep()
    for kind, milliseconds in BUDGET.items():
        budget = [milliseconds] * REPEATS
        Comparison(f"P5 {kind}", "worker's CPU a mail", "budget", "ms", we.cpu[kind], budget, 1, is_most=True).keep()
    print(f"django-post-office: {sorted(they.cpu)[REPEATS // 2]:.2f} ms of CPU a mail")
