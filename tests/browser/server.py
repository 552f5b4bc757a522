"""A web server and a doorbell of our own: Daphne on the test database, Valkey on a socket."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from django.db import connection

from config.embedded.places import find_places
from config.embedded.valkey import EmbeddedValkey
from tests.ports import reserved_port

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 120


class Server:
    """Both processes, from `start` to `stop`. `set_ahead` moves the server's clock; `more` is its environment."""

    def __init__(self, folder: Path, **more: str) -> None:
        self.folder, self.more = folder, more
        self.held = ExitStack()
        self.port = self.held.enter_context(reserved_port())
        self.url = f"http://127.0.0.1:{self.port}"
        self.ahead = folder / "clock"
        self.valkey = EmbeddedValkey(find_places(folder))
        self.running: list[subprocess.Popen[bytes]] = []

    def start(self) -> None:
        self.set_ahead(0)
        self.valkey.prepare()
        self._run(self.valkey.argv, self.valkey.spawn_options())
        _wait_until(self.valkey.is_ready, "Valkey")
        arguments = ["-W", "ignore", "-m", "daphne", "-v", "0", "-b", "127.0.0.1", "-p", str(self.port)]
        environment = os.environ | {
            "DJANGO_SETTINGS_MODULE": "tests.browser.settings",
            "DATABASE_URL": _database_url(),
            "REDIS_URL": self.valkey.url,
            "GATEPOST_TEST_CLOCK": str(self.ahead),
            "TESTING": "1",
            **self.more,
        }
        argv = [sys.executable, *arguments, "tests.browser.asgi:application"]
        self._run(argv, {"cwd": ROOT, "env": environment, "start_new_session": True})
        _wait_until(self.answers, "the web server")

    def stop(self) -> None:
        for process in reversed(self.running):
            process.terminate()
        for process in self.running:
            try:
                process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(timeout=PATIENCE)
        self.held.close()

    def set_ahead(self, seconds: float) -> None:
        """In one piece: the server reads it whenever it likes."""
        written = self.ahead.with_suffix(".new")
        written.write_text(str(seconds))
        written.replace(self.ahead)

    def answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/health/live", timeout=30) as answer:  # noqa: S310 - our own
                return int(answer.status) == 200
        except OSError:
            return False

    def _run(self, argv: list[str], options: dict[str, Any]) -> None:
        log = (self.folder / f"{len(self.running)}.log").open("wb")
        with log:
            self.running.append(subprocess.Popen(argv, stdout=log, stderr=subprocess.STDOUT, **options))


def _database_url() -> str:
    known = connection.settings_dict
    port = f":{known['PORT']}" if known["PORT"] else ""
    secret = f":{known['PASSWORD']}" if known["PASSWORD"] else ""
    if str(known["HOST"]).startswith("/"):
        return f"postgresql://{known['USER']}{secret}@/{known['NAME']}?host={known['HOST']}"
    return f"postgresql://{known['USER']}{secret}@{known['HOST']}{port}/{known['NAME']}"


def _wait_until(is_ready: Callable[[], bool], name: str) -> None:
    until = time.monotonic() + PATIENCE
    while not is_ready():
        if time.monotonic() > until:
            raise TimeoutError(f"{name} did not start")
        time.sleep(0.05)
