"""Receiving beside bare aiosmtpd, in one run (performance, P7): 2 KB mails, 16 sessions, one connection for each mail.

Ours is the real listener and a real worker of two processes with a real broker, on a database that keeps its promises:
a mail counts once it is stored, read, authenticated against a name server, threaded, released and its event written.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from django.db import connection

from mailboxes.models import LimitKind, Mailbox
from tests import builders
from tests.bench.processes import cpu_seconds, running
from tests.bench.side_by_side import Comparison, in_turn
from tests.fakes.dns import name_server
from tests.fakes.postfix import SOURCE
from tests.fakes.postfix import environment as postfix_environment
from tests.valkey import running_valkey

pytestmark = pytest.mark.django_db(transaction=True)

MAILS = 2000
WARM_UP = 200
PATIENCE_SECONDS = 40
BARE = (sys.executable, "tests/bench/references/inbound_bare.py")
WORKER = (
    sys.executable, "-m", "celery", "--quiet", "-A", "config", "worker", "--pool", "prefork", "-c", "2",
    "--without-mingle", "--without-gossip", "--without-heartbeat", "-O", "fair", "--loglevel", "WARNING",
)  # fmt: skip
COUNTS = """
SELECT (SELECT count(*) FROM messaging_rawmessage WHERE duplicate_of_id IS NULL),
       (SELECT count(*) FROM messaging_message WHERE status = 'released'),
       (SELECT count(*) FROM mailboxes_event WHERE kind = 'message.received'),
       (SELECT count(*) FROM messaging_rawmessage WHERE processed_at IS NULL)
"""


@dataclass
class Ours:
    """Our listener and worker, and what each run of them took."""

    port: int
    box: Mailbox
    listener: int
    worker: int
    answered: list[float] = field(default_factory=list)
    cpu: list[tuple[float, float]] = field(default_factory=list)

    def receive(self, count: int = MAILS) -> float:
        """Mails a second until the last event; 0 when one was lost or doubled."""
        before, cpu_before = _counts(), (cpu_seconds(self.listener), cpu_seconds(self.worker))
        began = time.monotonic()
        _send(self.port, count, self.box.full_address)
        answered = count / (time.monotonic() - began)
        while _counts()[3] and time.monotonic() - began < PATIENCE_SECONDS:
            time.sleep(0.02)
        took = time.monotonic() - began
        cpu_after = cpu_seconds(self.listener), cpu_seconds(self.worker)
        is_exact = [now - then for now, then in zip(_counts(), before, strict=True)] == [count, count, count, 0]
        self.answered.append(answered if is_exact else 0)
        self.cpu.append((cpu_after[0] - cpu_before[0], cpu_after[1] - cpu_before[1]))
        return count / took if is_exact else 0


def test_receiving_beside_bare_aiosmtpd() -> None:
    with _ours() as ours, running(BARE, says=True) as bare:
        assert bare.stdout is not None
        bare_port = int(bare.stdout.readline())

        def accept_and_drop() -> float:
            began = time.monotonic()
            _send(bare_port, MAILS, "anybody@agents.example")
            return MAILS / (time.monotonic() - began)

        ours.receive(WARM_UP)
        ours.answered.clear()
        ours.cpu.clear()
        bare_before = cpu_seconds(bare.pid)
        references, filed = in_turn(accept_and_drop, ours.receive)
        bare_cpu = (cpu_seconds(bare.pid) - bare_before) / len(references) / MAILS * 1000
    Comparison("P7", "received, filed, event written", "bare aiosmtpd", "mails/s", filed, references, 0.5).keep()
    Comparison(
        "P7 answered", "received, stored before 250", "bare aiosmtpd", "mails/s", ours.answered, references, 0.5
    ).keep()
    listening, filing = (sum(part) / len(part) / MAILS * 1000 for part in zip(*ours.cpu, strict=True))
    print(f"CPU ms per mail: bare {bare_cpu:.2f}, listener {listening:.2f}, worker and its parsers {filing:.2f}")


@contextmanager
def _ours() -> Iterator[Ours]:
    alice = builders.tenant()
    builders.limit(alice.account, LimitKind.MONTHLY_INBOUND, 0)
    box = alice.mailbox
    port = _free_port()
    with (
        name_server({}, quiet=True) as resolver,
        tempfile.TemporaryDirectory(prefix="gatepost-bench-") as folder,
        running_valkey(Path(folder)) as broker,
    ):
        env = _environment(port=port, broker=broker, resolver=resolver)
        smtpd = (sys.executable, "manage.py", "smtpd")
        with running(smtpd, env=env, says=True) as listener, running(WORKER, env=env) as worker:
            assert listener.stdout is not None
            assert listener.stdout.readline().startswith("SMTP listens")
            yield Ours(port, box, listener.pid, worker.pid)


def _environment(*, port: int, broker: str, resolver: str) -> dict[str, str]:
    ours = {name: value for name, value in os.environ.items() if name not in ("TESTING", "FAULTPOINTS")}
    return {
        **ours,
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "SECRET_KEY": "only-for-measurements-" + "x" * 40,
        "DATABASE_URL": _database_url(),
        "REDIS_URL": broker,
        "DNS_RESOLVERS": resolver,
        "HOST": "127.0.0.1",
        "SMTP_PORT": str(port),
        "SMTP_CONNECTIONS_PER_PEER": "50",
    }


def _database_url() -> str:
    database = connection.settings_dict
    return f"postgresql://{database['USER']}@/{database['NAME']}?host={database['HOST']}"


def _send(port: int, count: int, recipient: str) -> None:
    subprocess.run(
        [
            str(SOURCE), "-s", "16", "-m", str(count), "-l", "2000",
            "-f", "kim@friends.example", "-t", recipient, f"127.0.0.1:{port}",
        ],
        env=postfix_environment(), check=True, timeout=PATIENCE_SECONDS,
    )  # fmt: skip


def _counts() -> tuple[int, ...]:
    """Raw messages without duplicates, released messages, events of arrival, and what is not processed yet."""
    with connection.cursor() as cursor:
        cursor.execute(COUNTS)
        return tuple(cursor.fetchone())


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
