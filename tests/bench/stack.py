"""The real processes of one instance, with the settings of production, on the test database."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any

from django.conf import settings

from config.embedded.places import find_places
from config.embedded.valkey import EmbeddedValkey
from tests.chaos.processes import database_url

PATIENCE = 40
OF_TESTS = ("TESTING", "DJANGO_SETTINGS_MODULE", "DEBUG", "KEY_CACHE_SECONDS", "FAULTPOINTS")


class Stack:
    """A broker, and whatever is started beside it; all of it ends with the block."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.valkey = EmbeddedValkey(find_places(folder))
        self.pids: dict[str, int] = {}
        self._ends = ExitStack()

    def __enter__(self) -> Stack:
        self.valkey.prepare()
        self._ends.enter_context(_running(self.valkey.argv, self.folder / "valkey.log", self.valkey.spawn_options()))
        _wait_until(self.valkey.is_ready)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._ends.close()

    def start(self, name: str, *arguments: str, **environment: str) -> None:
        """`python <arguments>` with production's settings; its output goes to `<name>.log`."""
        options: dict[str, Any] = {"env": self.environment(environment), "cwd": settings.BASE_DIR}
        argv = [sys.executable, "-W", "ignore", *arguments]
        self.pids[name] = self._ends.enter_context(_running(argv, self.folder / f"{name}.log", options))

    def run(self, *arguments: str) -> None:
        """`python <arguments>` with production's settings, until it has ended well."""
        argv = [sys.executable, "-W", "ignore", *arguments]
        subprocess.run(argv, env=self.environment({}), cwd=settings.BASE_DIR, check=True)

    def web(self, name: str, application: str, **environment: str) -> int:
        """A Daphne as `make run` starts it; its port."""
        port = free_port()
        daphne = ("-m", "daphne", "-v", "0", "--application-close-timeout", "2", "--no-server-name")
        self.start(name, *daphne, "-b", "127.0.0.1", "-p", str(port), application, DATABASE_POOL="1", **environment)
        _wait_until(lambda: answers(port))
        return port

    def environment(self, changes: Mapping[str, str]) -> dict[str, str]:
        inherited = {name: value for name, value in os.environ.items() if name not in OF_TESTS}
        ours = {
            "DATABASE_URL": database_url(),
            "REDIS_URL": self.valkey.url,
            "SECRET_KEY": settings.SECRET_KEY,
            "DATA_DIR": str(self.folder),
            "LOG_LEVEL": "WARNING",
        }
        return inherited | ours | dict(changes)


@contextmanager
def _running(argv: Sequence[str], log: Path, options: Mapping[str, Any]) -> Iterator[int]:
    with log.open("wb") as output:
        process = subprocess.Popen(list(argv), stdout=output, stderr=subprocess.STDOUT, **_own_session(options))
    try:
        yield process.pid
    finally:
        # The whole session: Celery's pool is made of grandchildren.
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _own_session(options: Mapping[str, Any]) -> dict[str, Any]:
    return {**options, "start_new_session": True}


def answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until_answered(port: int) -> None:
    _wait_until(lambda: answers(port))


def _wait_until(is_ready: Any) -> None:
    until = time.monotonic() + PATIENCE
    while not is_ready():
        assert time.monotonic() < until, "a process did not start: see its log"
        time.sleep(0.05)
