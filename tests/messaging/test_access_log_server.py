"""Servers as production has them write down who called, and what came last before they were told to end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import httpx2
import pytest
from django.conf import settings
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from mailboxes.models import AccessEntry
from tests import builders
from tests.chaos.processes import database_url, until
from tests.ports import reserved_port

from .webs import BY_SOCKET, OF_TESTS, PATIENCE, running

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.xdist_group("alone")]


def test_daphne_writes_what_came_last_before_it_ends(tmp_path: Path) -> None:
    alice = builders.tenant()
    headers = {"Authorization": f"Bearer {alice.key_text}"}
    with running(tmp_path) as webs:
        web = webs.start("live", ACCESS_LOG_DAYS="90")
        with suppress(ConnectionClosed), connect(web.socket, additional_headers=headers, **BY_SOCKET) as socket:
            socket.recv(timeout=PATIENCE)
        for _ in range(20):
            assert httpx2.get(f"{web.base}/mailboxes", headers=headers, timeout=PATIENCE).status_code == 200
        web.end(signal.SIGTERM)
    assert AccessEntry.objects.filter(route="/v1/mailboxes", status=200).count() == 20
    assert AccessEntry.objects.filter(route="/v1/events/ws", status=101).count() == 1


@pytest.fixture
def gunicorn(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """Two workers of eight threads, as `config/deploy/process web` starts them."""
    pytest.importorskip("gunicorn", reason="the operator brings it along")
    with reserved_port() as port:
        process = _started(tmp_path, port)
        try:
            until(lambda: _answers(port), "gunicorn answers", seconds=PATIENCE)
            yield process, f"http://127.0.0.1:{port}/v1"
        finally:
            process.kill()
            process.wait(PATIENCE)


def _started(tmp_path: Path, port: int) -> subprocess.Popen[bytes]:
    environment = {name: value for name, value in os.environ.items() if name not in OF_TESTS}
    environment |= {"DATABASE_URL": database_url(), "DATABASE_POOL": "1", "ACCESS_LOG_DAYS": "90"}
    environment |= {
        "SECRET_KEY": settings.SECRET_KEY,
        "REDIS_URL": f"unix://{tmp_path}/none",
        "DATA_DIR": str(tmp_path),
    }
    argv = [sys.executable, "-W", "ignore", "-m", "gunicorn", "config.wsgi", "--bind", f"127.0.0.1:{port}"]
    with (tmp_path / "log").open("wb") as output:
        return subprocess.Popen(
            [*argv, "--workers", "2", "--threads", "8"], env=environment, cwd=settings.BASE_DIR, stdout=output,
            stderr=subprocess.STDOUT,
        )  # fmt: skip


def test_gunicorns_workers_do_so_too(gunicorn: tuple[subprocess.Popen[bytes], str]) -> None:
    process, base = gunicorn
    alice = builders.tenant()
    for _ in range(20):
        headers = {"Authorization": f"Bearer {alice.key_text}"}
        answer = httpx2.get(f"{base}/mailboxes", headers=headers, timeout=PATIENCE)
        assert answer.status_code == 200
    process.terminate()
    process.wait(PATIENCE)
    assert AccessEntry.objects.filter(route="/v1/mailboxes", status=200).count() == 20


def _answers(port: int) -> bool:
    with suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{port}/health/live", timeout=10) as answer:
        return int(answer.status) == 200
    return False
