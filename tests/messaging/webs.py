"""Several web processes as production has them: on the test database, with one Valkey that can die and come back."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.conf import settings

from config.embedded.places import find_places
from config.embedded.valkey import EmbeddedValkey
from tests.chaos.processes import database_url, free_port, until

OF_TESTS = ("TESTING", "DJANGO_SETTINGS_MODULE", "DEBUG", "KEY_CACHE_SECONDS", "FAULTPOINTS")
DAPHNE = ("-W", "ignore", "-m", "daphne", "-v", "0", "--application-close-timeout", "2", "--no-server-name")
LIMITS = ("--websocket-max-message-size", "65536", "--websocket-max-frame-size", "65536")


class Process:
    """A child, by its command line; `kill` is signal 9."""

    def __init__(self, argv: list[str], log: Path, **options: Any) -> None:
        self._argv, self._log, self._options = argv, log, options
        self._running: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self._log.open("ab") as output:
            self._running = subprocess.Popen(self._argv, stdout=output, stderr=subprocess.STDOUT, **self._options)

    def kill(self) -> None:
        self.end(signal.SIGKILL)

    def end(self, number: int = signal.SIGTERM) -> None:
        if self._running is not None and self._running.poll() is None:
            self._running.send_signal(number)
            self._running.wait(30)


class Web(Process):
    """A Daphne as `config/deploy/process live` starts it."""

    def __init__(self, name: str, folder: Path, environment: dict[str, str]) -> None:
        self.port = free_port()
        place = ("-b", "127.0.0.1", "-p", str(self.port), "config.asgi:application")
        argv = [sys.executable, *DAPHNE, *LIMITS, *place]
        super().__init__(argv, folder / f"{name}.log", env=environment, cwd=settings.BASE_DIR)
        self.base = f"http://127.0.0.1:{self.port}/v1"
        self.socket = f"ws://127.0.0.1:{self.port}/v1/events/ws"

    def start(self) -> None:
        super().start()
        until(self.answers, "the web server starts", seconds=60)

    def answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/health/live", timeout=2) as answer:
                return int(answer.status) == 200
        except OSError:
            return False


class Webs:
    """Two web processes, `first` and `second`, and their doorbell."""

    def __init__(self, folder: Path, **more: str) -> None:
        server = EmbeddedValkey(find_places(folder))
        server.prepare()
        self._valkey_is_ready = server.is_ready
        self.valkey = Process(server.argv, folder / "valkey.log", **server.spawn_options())
        inherited = {name: value for name, value in os.environ.items() if name not in OF_TESTS}
        ours = {
            "DATABASE_URL": database_url(),
            "DATABASE_POOL": "1",
            "REDIS_URL": server.url,
            "SECRET_KEY": settings.SECRET_KEY,
            "DATA_DIR": str(folder),
            "LOG_LEVEL": "WARNING",
            "DNS_RESOLVERS": "off",
        }
        self.first, self.second = (Web(name, folder, inherited | ours | more) for name in ("first", "second"))

    def start_valkey(self) -> None:
        self.valkey.start()
        until(self._valkey_is_ready, "Valkey starts")


@contextmanager
def running(folder: Path, **more: str) -> Iterator[Webs]:
    """Both, and Valkey, until the block ends. `more` is environment."""
    webs = Webs(folder, **more)
    try:
        webs.start_valkey()
        webs.first.start()
        webs.second.start()
        yield webs
    finally:
        for process in (webs.first, webs.second, webs.valkey):
            process.kill()
