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
    postmaster = (server.data / "postmaster.pid").read_text().splitlines()[0]
    victim = psycopg.connect(server.url(APP_ROLE))
    row = victim.execute("SELECT clock_timestamp()").fetchone()
    assert row is not None
    assert last_crash(server) < row[0]
    os.kill(victim.info.backend_pid, signal.SIGKILL)
    victim.close()
    assert _last_crash_once_it_is_back(server, after=row[0]) > row[0]
    assert (server.data / "postmaster.pid").read_text().splitlines()[0] == postmaster


def _last_crash_once_it_is_back(server: EmbeddedPostgres, *, after: datetime) -> datetime:
    until = time.monotonic() + 120
    while True:
        try:
            moment = last_crash(server)
        except psycopg.OperationalError:
            moment = after
        if moment > after or time.monotonic() > until:
            return moment
        time.sleep(0.1)
