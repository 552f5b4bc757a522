"""A crash of PostgreSQL can be told from the server itself: marks are committed without waiting for the disk."""

from __future__ import annotations

import os
import signal
import tempfile
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import psycopg
import pytest

from config.embedded.places import find_places
from config.embedded.postgres import EmbeddedPostgres
from config.embedded.roles import APP_ROLE
from messaging.outbound.outcomes import LAST_CRASH

pytestmark = pytest.mark.crash


@pytest.fixture
def server() -> Iterator[EmbeddedPostgres]:
    # Not pytest's tmp_path: the server's own user can't reach it when we are root.
    with tempfile.TemporaryDirectory(prefix="gatepost-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        folder.chmod(0o711)
        server = EmbeddedPostgres(find_places(folder))
        server.start(log=folder / "log")
        yield server
        server.stop()


def last_crash(server: EmbeddedPostgres) -> datetime:
    with psycopg.connect(server.url(APP_ROLE)) as one:
        row = one.execute(LAST_CRASH.encode()).fetchone()
    assert row is not None
    moment: datetime = row[0]
    return moment


def test_the_crash_of_one_backend_is_seen_though_the_postmaster_lives(server: EmbeddedPostgres) -> None:
    before = last_crash(server)
    postmaster = (server.data / "postmaster.pid").read_text().splitlines()[0]
    with psycopg.connect(server.url(APP_ROLE)) as victim:
        moment = victim.execute("SELECT clock_timestamp()").fetchone()
        os.kill(victim.info.backend_pid, signal.SIGKILL)
        _wait_for_recovery(server)
    assert (server.data / "postmaster.pid").read_text().splitlines()[0] == postmaster
    assert moment is not None
    assert before < moment[0] < last_crash(server)


def _wait_for_recovery(server: EmbeddedPostgres) -> None:
    until = time.monotonic() + 20
    while time.monotonic() < until:
        time.sleep(0.2)
        if server.is_ready():
            return
    raise AssertionError("the server did not recover")
