"""P12: 100,000 events that a client missed, streamed while more are written, beside a bare keyset and JSON loop.

ROWS=10000 REPEATS=2 for a small run. A run in which an event was lost, doubled or out of order counts as 0.
"""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from pytest_django import Settings

from tests import builders
from tests.bench.side_by_side import Comparison, in_turn
from tests.bench.stack import Stack, free_port, wait_until_answered
from tests.seams.writing import KIND, fill, first_id, log_of, writers

from .bench_streams import UNLIMITED
from .bench_streams import stack as stack

pytestmark = pytest.mark.django_db(transaction=True)

ROWS = int(os.environ.get("ROWS", "100000"))
REPEATS = int(os.environ.get("REPEATS", "5"))
GROWTH_MIB = 30.0


def test_a_replay_is_as_fast_as_it_may_be_and_whole(stack: Stack, settings: Settings) -> None:
    tenant = builders.tenant(is_verified=False)
    fill(tenant, ROWS)
    port = stack.web("web", "config.asgi:application", **UNLIMITED)
    bare_port = free_port()
    stack.start("bare", "tests/bench/references/bare_replay.py", PORT=str(bare_port))
    wait_until_answered(bare_port)
    start = first_id(tenant)
    growth: list[float] = []

    def ours() -> float:
        with memory_of(stack.pids["web"]) as grown, writers([tenant], count=1, pause=0.05):
            rate, ids = replay(port, f"/v1/events?events={KIND}", key=tenant.key_text, last=start)
        growth.append(grown[0])
        return rate if len(ids) >= ROWS - 1 and ids == log_of(tenant)[: len(ids)] else 0

    def bare() -> float:
        rate, ids = replay(bare_port, f"/{tenant.account.pk}/1", key="", last="")
        assert len(set(ids)) >= ROWS - 1
        return rate

    bare()
    ours()
    mine, theirs = in_turn(ours, bare, repeats=REPEATS)
    what = f"replay of {ROWS:,} events"
    Comparison("P12", what, "keyset pages and json", "events/s", mine, theirs, 0.4).keep()
    what = f"growth of the process by a replay of {ROWS:,}"
    Comparison("P12 memory", what, "its limit", "MiB", [max(growth)], [GROWTH_MIB], 1.0, is_most=True).keep()
    assert 0 not in mine, "an event was lost, doubled or out of order"


def replay(port: int, path: str, *, key: str, last: str) -> tuple[float, list[str]]:
    """Events a second until ROWS have come; and their ids, also of those that came along with the last."""
    head = f"GET {path} HTTP/1.0\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {key}\r\nLast-Event-ID: {last}\r\n\r\n"
    parts: list[bytes] = []
    count, tail = 0, b""
    with socket.create_connection(("127.0.0.1", port), timeout=60) as peer:
        peer.sendall(head.encode())
        begun = time.perf_counter()
        while count < ROWS and (part := peer.recv(1 << 18)):
            parts.append(part)
            count += (tail + part).count(b"\ndata: ")
            tail = part[-6:]
        seconds = time.perf_counter() - begun
    frames = b"".join(parts).split(b"\n\n")[:-1]
    ids = [line[4:40].decode() for line in frames if line.startswith(b"id: ")]
    return ROWS / seconds, ids


@contextmanager
def memory_of(pid: int) -> Iterator[list[float]]:
    """How many MiB the process has grown at most inside the block, once it is over."""
    grown, is_over, before = [0.0], threading.Event(), _rss(pid)

    def watch() -> None:
        while not is_over.wait(0.05):
            grown[0] = max(grown[0], _rss(pid) - before)

    watching = threading.Thread(target=watch)
    watching.start()
    try:
        yield grown
    finally:
        is_over.set()
        watching.join()


def _rss(pid: int) -> float:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:")) / 1024
