"""A worker whose clock is an hour off: the database's clock decides when mail leaves and when a lease is over (I12)."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection

import pytest

from tests.chaos.outside.conftest import Note
from tests.chaos.outside.load import send
from tests.chaos.outside.stack import Stack, until
from tests.instance import ROOT, fresh_shell

pytestmark = pytest.mark.chaos
TOOLS = ROOT / ".tools" / "faketime"
DRAIN = "from messaging.outbound import dispatch; print(dispatch.take_back_overdue(), dispatch.drain())"


@pytest.fixture(scope="module")
def library() -> str:
    subprocess.run([str(ROOT / "tests" / "faketime.sh")], check=True)
    return str(next(TOOLS.glob("usr/lib/*/faketime/libfaketime.so.1")))


def off_by(library: str, shift: str) -> dict[str, str]:
    """The environment of a process whose clock is wrong."""
    return {"LD_PRELOAD": library, "FAKETIME": shift, "DONT_FAKE_MONOTONIC": "1"}


def approve(stack: Stack, review_id: str) -> None:
    connection = HTTPConnection("127.0.0.1", stack.target.port, timeout=30)
    headers = {"Authorization": f"Bearer {stack.decide_key}", "Content-Type": "application/json"}
    connection.request("POST", f"/v1/oversight/reviews/{review_id}/approve", "{}", headers)
    answer = connection.getresponse()
    assert answer.status == 200, answer.read()
    connection.close()


@contextmanager
def only_worker(stack: Stack, environment: dict[str, str]) -> Iterator[None]:
    """The instance's own worker is frozen, and another with this environment does its work."""
    command = [sys.executable, "-m", "celery", "--quiet", "-A", "config", "worker", "-c", "1", "-O", "fair"]
    quiet = ["--without-mingle", "--without-gossip", "--without-heartbeat", "--loglevel", "ERROR"]
    with stack.frozen("worker"):
        process = subprocess.Popen(
            [*command, *quiet],
            cwd=ROOT,
            env=fresh_shell(stack.data_dir) | stack.environment | environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            yield
        finally:
            process.terminate()
            process.wait(30)


@pytest.mark.parametrize("shift", ["+1h", "-1h"])
def test_a_workers_clock_is_an_hour_off(stack: Stack, note: Note, library: str, shift: str) -> None:
    """It sends what is due when it is due, by rings and by sweeps, and nothing before its undo window is over."""
    environment = off_by(library, shift)
    assert stack.python("import datetime; print(datetime.datetime.now())", **environment)
    stack.manage("set_mode", stack.mailbox_address, "gated_send")
    asked = send(stack.target)
    stack.manage("set_mode", stack.mailbox_address, "autonomous")
    ((review_id,),) = stack.rows("SELECT id::text FROM oversight_review WHERE message_id = %s", asked.message_id)
    with only_worker(stack, environment):
        approve(stack, review_id)
        ((release_at,),) = stack.rows("SELECT release_at FROM oversight_review WHERE id = %s", review_id)
        # Comes after the approval's ring is spent: it takes a sweep that this worker does not think too old.
        waited = stack.until_settled([asked.message_id], within=60)
        at_once = send(stack.target)
        by_ring = stack.until_settled([at_once.message_id], within=60)
    ((started_at, finished_at),) = stack.rows(
        "SELECT t.started_at, t.finished_at FROM messaging_attempt t "
        "JOIN messaging_recipient r ON r.id = t.recipient_id WHERE r.message_id = %s",
        asked.message_id,
    )
    late = (started_at - release_at).total_seconds()
    note(after_its_time_seconds=late, waited_seconds=waited, by_ring_seconds=by_ring)
    assert late >= 0
    assert finished_at >= started_at
    assert late < 30
    stack.count([asked.message_id, at_once.message_id])
    stack.until_well(60)


@pytest.mark.parametrize("shift", ["+1h", "-1h"])
def test_no_lease_is_taken_early_by_a_wrong_clock(stack: Stack, note: Note, library: str, shift: str) -> None:
    """A mail is in a worker's hand, at a relay that takes its time; a worker an hour off leaves it there."""
    with stack.relay.moody("-w", "3"):
        asked = send(stack.target)
        held = "SELECT 1 FROM messaging_attempt t JOIN messaging_recipient r ON r.id = t.recipient_id "
        held += "WHERE r.message_id = %s AND t.finished_at IS NULL"
        until(lambda: stack.rows(held, asked.message_id), seconds=20, what="a worker has it in its hand")
        told = stack.python(DRAIN, **off_by(library, shift)).split()
        stack.until_settled([asked.message_id], within=60)
    ((attempts,),) = stack.rows(
        "SELECT count(*) FROM messaging_attempt t JOIN messaging_recipient r ON r.id = t.recipient_id "
        "WHERE r.message_id = %s",
        asked.message_id,
    )
    note(taken_back=int(told[-2]), attempts=attempts)
    assert int(told[-2]) == 0
    assert attempts == 1
    stack.count([asked.message_id])
