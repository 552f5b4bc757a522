"""A whole instance under load: its processes by name, its database from outside, and the count at the relay."""

from __future__ import annotations

import json
import os
import signal
import smtplib
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psycopg

from config.embedded.places import find_places
from config.embedded.postgres import SUPERUSER, EmbeddedPostgres
from tests.chaos.outside.load import Load, Target
from tests.chaos.outside.relay import Relay
from tests.instance import ROOT, Instance, fresh_shell, manage

# What each process of an instance is recognized by.
WORDS = {
    "web": "daphne",
    "worker": "config worker",
    "beat": "config beat",
    "broker": "valkey-server",
    "postgres": "postgres -D",
    "smtp": "manage.py smtpd",
    "webhooks": "manage.py webhooks",
}
UNLIMITED = dict.fromkeys(
    (
        *("SENDS_PER_MINUTE_PER_MAILBOX", "SENDS_PER_MINUTE_PER_ACCOUNT"),
        *("DAILY_SENDS_PER_MAILBOX", "MONTHLY_SENDS_PER_MAILBOX", "MONTHLY_INBOUND_PER_ACCOUNT"),
    ),
    "0",
)
LEFT = "SELECT phase, count(*) FROM messaging_attempt WHERE finished_at IS NULL AND NOT worker LIKE ANY(%s) GROUP BY 1"
UNSETTLED = """
SELECT count(*) FROM messaging_message WHERE id = ANY(%s::uuid[]) AND status IN ('accepted', 'queued', 'sending')
"""


class Stack:
    """One instance and the relay that it sends by."""

    def __init__(self, data_dir: Path, relay: Relay, **environment: str) -> None:
        self.data_dir, self.relay = data_dir, relay
        self.environment = {
            "RELAY_URL": relay.url,
            "DNS_RESOLVERS": "off",
            "DEFAULT_MODE": "autonomous",
            "UNDO_SECONDS": "6",
            **UNLIMITED,
            **environment,
        }
        self.instance = Instance(data_dir, **self.environment)
        self.target: Target

    def wait(self) -> Stack:
        """Ready, and well: the worker has given its first sign of life."""
        self.instance.wait_until_ready()
        self.until_well(60)
        if not hasattr(self, "target"):
            made = json.loads(self.manage("demo", "--json"))
            self.decide_key, self.mailbox_address = made["decide_key"], made["mailbox_address"]
            self.mailbox_id, self.key = made["mailbox_id"], made["agent_key"]
            self.manage("set_mode", self.mailbox_address, "autonomous")
        self.aim()
        return self

    def aim(self) -> None:
        """The load goes to the port of the instance that runs now."""
        self.target = Target(self.instance.port, self.mailbox_id, self.key)

    def start_again(self) -> None:
        """The next `manage.py up` in the same folder."""
        self.instance.stop()
        self.instance = Instance(self.data_dir, **self.environment)

    def until_well(self, seconds: float) -> float:
        """Wait until /health/ready says so; how long it took."""
        begun = time.monotonic()
        self.instance.until(lambda: self.instance.health().get("status") == "ok", seconds=seconds)
        return time.monotonic() - begun

    def manage(self, *arguments: str) -> str:
        result = manage(self.data_dir, *arguments)
        assert result.returncode == 0, result.stdout + result.stderr
        return result.stdout

    def python(self, code: str, **environment: str) -> str:
        """A worker process of its own, for one act."""
        result = subprocess.run(
            [sys.executable, "manage.py", "shell", "--no-imports", "-c", code],
            cwd=ROOT,
            env=fresh_shell(self.data_dir) | self.environment | environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert result.returncode == 0, result.stdout + result.stderr
        return result.stdout

    def pids(self, name: str) -> list[int]:
        """The processes of that name, the oldest (which is the parent) first."""
        words = WORDS[name]
        return sorted((pid for pid, line in self.instance.processes().items() if words in line), key=_begun_at)

    def pool(self) -> list[int]:
        return self.pids("worker")[1:]

    def kill(self, pid: int, number: signal.Signals = signal.SIGKILL) -> None:
        with suppress(ProcessLookupError):
            os.kill(pid, number)

    @contextmanager
    def frozen(self, name: str) -> Iterator[None]:
        """SIGSTOP to everything of that name and what it started."""
        pids = self.cluster() if name == "postgres" else self.pids(name)
        for pid in pids:
            self.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            for pid in pids:
                self.kill(pid, signal.SIGCONT)

    def cluster(self) -> list[int]:
        """PostgreSQL and every process of it."""
        postmaster = self.pids("postgres")[0]
        children = subprocess.run(
            ["/usr/bin/pgrep", "-P", str(postmaster)], capture_output=True, text=True, check=False
        )
        return [postmaster, *(int(pid) for pid in children.stdout.split())]

    def load(self, per_second: float = 15.0, *, is_stubborn: bool = False) -> Load:
        return Load(self.target, per_second, is_stubborn=is_stubborn)

    def rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        """Read (or write) past the product, as the server's superuser."""
        server = EmbeddedPostgres(find_places(self.data_dir))
        with psycopg.connect(server.url(SUPERUSER), autocommit=True) as connection:
            cursor = connection.execute(query.encode(), values)
            return cursor.fetchall() if cursor.description else []

    def until_settled(self, ids: Sequence[str], *, within: float) -> float:
        """Wait until none of these waits or is on its way; how long it took."""
        begun = time.monotonic()
        while self.unsettled(ids):
            assert time.monotonic() - begun < within, f"{self.unsettled(ids)} of {len(ids)} are still on their way"
            time.sleep(0.2)
        return time.monotonic() - begun

    def unsettled(self, ids: Sequence[str]) -> int:
        return int(self.rows(UNSETTLED, list(ids))[0][0])

    def held(self) -> Counter[int]:
        """How many mails each living process has in hand."""
        rows = self.rows("SELECT worker, count(*) FROM messaging_attempt WHERE finished_at IS NULL GROUP BY 1")
        held = {int(worker.rpartition(":")[2]): count for worker, count in rows}
        return Counter({pid: held[pid] for pid in self.instance.processes() if pid in held})

    def until_held(self, least: int = 5) -> int:
        """Wait until some process has so many mails in hand; which one has the most."""
        until(lambda: max(self.held().values(), default=0) >= least, seconds=60, what="no worker has mails in hand")
        ((pid, _),) = self.held().most_common(1)
        return pid

    def left_by_the_dead(self) -> Counter[str]:
        """What processes that are gone had in hand, and how far it had come."""
        alive = [f"%:{pid}" for pid in self.instance.processes()]
        return Counter(dict(self.rows(LEFT, alive)))

    def until_taken_back(self, *, within: float) -> float:
        """Wait until the sweep has taken back what the dead had only claimed; how long it took."""
        begun = time.monotonic()
        until(lambda: set(self.left_by_the_dead()) <= {"data"}, seconds=within, what=f"{self.left_by_the_dead()}")
        return time.monotonic() - begun

    def end_leases_of_the_dead(self) -> int:
        """Warp the time: the lease of every attempt whose process is gone is over, and they are taken back."""
        alive = [f"%:{pid}" for pid in self.instance.processes()]
        lost = self.rows(
            "UPDATE messaging_attempt SET lease_until = clock_timestamp() - interval '1 second' "
            "WHERE finished_at IS NULL AND NOT worker LIKE ANY(%s) RETURNING phase",
            alive,
        )
        if lost:
            self.python("from messaging.outbound import dispatch; dispatch.take_back_overdue(); dispatch.drain()")
        return len(lost)

    def verdict(self, load: Load, *, within: float = 60) -> dict[str, Any]:
        """Nothing lost, nothing doubled, every invariant holds; what came of the mail that was accepted."""
        time.sleep(1)
        lost = self.end_leases_of_the_dead()
        self.until_settled(load.accepted, within=within)
        return self.count(load.accepted) | {"leases_left_by_the_dead": lost}

    def count(self, accepted: Sequence[str]) -> dict[str, Any]:
        """As `verdict`, for mail that is settled."""
        rows = self.rows("SELECT id::text, message_id, status FROM messaging_message WHERE direction = 'OUTBOUND'")
        status = {pk: state for pk, _, state in rows}
        lost = [pk for pk in accepted if pk not in status]
        assert not lost, f"accepted and gone: {lost}"
        copies = self.relay.copies()
        wrong = [
            (message_id, state, copies[message_id])
            for _, message_id, state in rows
            if copies[message_id] not in ALLOWED_COPIES.get(state, (0,))
        ]
        assert not wrong, wrong
        self.manage("check_invariants")
        ended = Counter(status[pk] for pk in accepted)
        assert set(ended) <= {"sent", "unknown"}, ended
        return {"accepted": len(accepted), "sent": ended["sent"], "unknown": ended["unknown"]}

    def smtp_answer(self) -> str:
        """What our listener says to a mail for the demo mailbox: the code of its last answer."""
        try:
            with smtplib.SMTP("127.0.0.1", self.instance.smtp_port, timeout=30) as client:
                client.sendmail("mara@friends.example", [self.mailbox_address], b"Subject: Hello\r\n\r\nGood day.\r\n")
        except smtplib.SMTPResponseException as error:
            return str(error.smtp_code)
        except smtplib.SMTPRecipientsRefused as error:
            return str(next(iter(error.recipients.values()))[0])
        return "250"

    def stop(self) -> None:
        self.instance.stop()


def _begun_at(pid: int) -> int:
    """Clock ticks since the machine started (proc(5)). Numbers begin anew, so that a child's may be the smaller one."""
    with suppress(OSError):
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19])
    return 0


# How often a message's Message-ID may stand at the relay: an attempt in flight counts as sent only when it is over.
ALLOWED_COPIES: dict[str, tuple[int, ...]] = {"sent": (1,), "unknown": (0, 1), "sending": (0, 1)}


def until(condition: Callable[[], object], *, seconds: float, what: str) -> float:
    """Wait; how long it took."""
    begun = time.monotonic()
    while not condition():
        assert time.monotonic() - begun < seconds, what
        time.sleep(0.05)
    return time.monotonic() - begun
