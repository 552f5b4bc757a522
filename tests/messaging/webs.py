"""Web processes as production has them: on the test database, with one Valkey that can die and come back."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from django.conf import settings

from config.embedded.places import find_places
from config.embedded.valkey import EmbeddedValkey
from tests.chaos.processes import database_url, until
from tests.ports import reserved_port

PATIENCE = 90
# How a WebSocket client connects: a slow machine is no reason to give up.
BY_SOCKET: dict[str, Any] = {"proxy": None, "open_timeout": PATIENCE, "ping_interval": None}
OF_TESTS = ("TESTING", "DJANGO_SETTINGS_MODULE", "DEBUG", "KEY_CACHE_SECONDS", "FAULTPOINTS")
DAPHNE = ("-W", "ignore", "-m", "daphne", "-v", "0", "--application-close-timeout", "2", "--no-server-name")


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
            self._running.wait(PATIENCE)


class Web(Process):
    """A Daphne as `config/deploy/process live` starts it."""

    def __init__(self, name: str, folder: Path, environment: dict[str, str], port: int) -> None:
        self.port = port
        place = ("-b", "127.0.0.1", "-p", str(self.port), "config.asgi:application")
        argv = [sys.executable, *DAPHNE, *place]
        super().__init__(argv, folder / f"{name}.log", env=environment, cwd=settings.BASE_DIR)
        self.base = f"http://127.0.0.1:{self.port}/v1"
        self.socket = f"ws://127.0.0.1:{self.port}/v1/events/ws"

    def start(self) -> None:
        super().start()
        until(self.answers, "the web server starts", seconds=PATIENCE)

    def answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/health/live", timeout=10) as answer:
                return int(answer.status) == 200
        except OSError:
            return False


class Webs:
    """Web processes side by side, and their doorbell."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.ports = ExitStack()
        server = EmbeddedValkey(find_places(folder))
        server.prepare()
        self._valkey_is_ready = server.is_ready
        self.valkey = Process(server.argv, folder / "valkey.log", **server.spawn_options())
        self.processes = [self.valkey]
        inherited = {name: value for name, value in os.environ.items() if name not in OF_TESTS}
        self._environment = inherited | {
            "DATABASE_URL": database_url(),
            "DATABASE_POOL": "1",
            "REDIS_URL": server.url,
            "SECRET_KEY": settings.SECRET_KEY,
            "DATA_DIR": str(folder),
            "LOG_LEVEL": "WARNING",
            "DNS_RESOLVERS": "off",
        }

    def start_valkey(self) -> None:
        self.valkey.start()
        until(self._valkey_is_ready, "Valkey starts", seconds=PATIENCE)

    def start(self, name: str, **more: str) -> Web:
        """One more web process; `more` is environment."""
        web = Web(name, self._folder, self._environment | more, self.ports.enter_context(reserved_port()))
        self.processes.append(web)
        web.start()
        return web


@contextmanager
def running(folder: Path) -> Iterator[Webs]:
    """Valkey and whatever is started beside it, until the block ends."""
    webs = Webs(folder)
    try:
        webs.start_valkey()
        yield webs
    finally:
        for process in reversed(webs.processes):
            process.kill()
        webs.ports.close()
