"""The processes of a run: started by the nursery, watched by their logs, ended with the run."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

from django.conf import settings
from django.db import connection

from tests.ports import reserved_port

STOPPED = "stopped"
PATIENCE = 120.0


def database_url() -> str:
    """The test database, as a process of its own can name it."""
    ours = connection.settings_dict
    return f"postgresql://{ours['USER']}@/{ours['NAME']}?host={quote(str(ours['HOST']), safe='')}&connect_timeout=60"


def until(is_so: Callable[[], object], what: str, *, seconds: float = PATIENCE) -> None:
    end = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < end, f"it did not happen: {what}"
        time.sleep(0.005)


class Nursery:
    """Asks the warm process. Used by several threads of a run."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self._asking = threading.Lock()

    def ask(self, **request: Any) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with self._asking:
            self._process.stdin.write(json.dumps(request) + "\n")
            self._process.stdin.flush()
            return json.loads(self._process.stdout.readline())


@contextmanager
def nursery() -> Iterator[Nursery]:
    with subprocess.Popen(
        [sys.executable, "-W", "ignore", "-m", "tests.chaos.nursery"],
        env={**os.environ, "DATABASE_URL": database_url(), "TESTING": "1"},
        cwd=settings.BASE_DIR,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        yield Nursery(process)
        assert process.stdin is not None
        process.stdin.close()


class Running:
    """One process of a run."""

    def __init__(self, nursery: Nursery, pid: int, log: Path) -> None:
        self._nursery, self.pid, self._log = nursery, pid, log
        self.code: int | None = None
        self.is_stopped = False
        self.port = 0

    @property
    def state(self) -> int | str | None:
        """None while it runs, "stopped" while it stands still, its exit code at last."""
        if self.code is None:
            answer = self._nursery.ask(pid=self.pid)  # tells of a standstill once
            self.is_stopped = self.is_stopped or answer == STOPPED
            self.code = answer if isinstance(answer, int) else None
        return self.code if self.code is not None else STOPPED if self.is_stopped else None

    def wait(self, *, seconds: float = PATIENCE) -> int | str:
        """Until it ended or stands still."""
        seen: list[int | str | None] = []

        def is_over() -> bool:
            seen.append(self.state)
            return seen[-1] is not None

        until(is_over, f"the end of a process\n{self.said}", seconds=seconds)
        assert seen[-1] is not None
        return seen[-1]

    def has_ended_within(self, seconds: float) -> bool:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if self.state is not None:
                return True
            time.sleep(0.01)
        return False

    def go_on(self) -> None:
        """Wake it from its standstill."""
        self.is_stopped = False
        with suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGCONT)

    @property
    def said(self) -> str:
        return self._log.read_text(errors="replace") if self._log.exists() else ""

    @property
    def is_struck(self) -> bool:
        return "faultpoint.struck" in self.said

    def kill(self) -> None:
        if self.code is None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)
            while not isinstance(self.state, int):
                time.sleep(0.002)


class Crew:
    """All processes of one run."""

    def __init__(self, nursery: Nursery, folder: Path) -> None:
        self._nursery, self._folder = nursery, folder
        self._ports = ExitStack()
        self.running: list[Running] = []

    def start(self, role: str, *, faults: str = "", broker: str = "", port: int = 0, **values: object) -> Running:
        """A process in this role; `values` are settings of its own."""
        log = self._folder / f"{len(self.running)}-{role}.log"
        values |= {"FAULTPOINTS": faults}
        pid = self._nursery.ask(role=role, log=str(log), broker=broker, port=port, settings=values)
        self.running.append(Running(self._nursery, pid, log))
        self.running[-1].port = port
        return self.running[-1]

    def serve(self, role: str, *, faults: str = "", broker: str = "", **values: object) -> Running:
        """A server in this role ("web" or "smtpd"), listening; `values` are settings of its own."""
        port = self._ports.enter_context(reserved_port())
        values |= {"HOST": "127.0.0.1", "SMTP_PORT": port} if role == "smtpd" else {}
        server = self.start(role, faults=faults, broker=broker, port=port, **values)
        until(lambda: _listens(port) or server.state is not None, f"the {role} listens")
        assert server.code is None, server.said
        return server

    def end(self) -> None:
        for process in self.running:
            process.kill()
        self._ports.close()

    def logs(self) -> str:
        return "\n".join(f"--- {path.name}\n{path.read_text(errors='replace')}" for path in self._folder.glob("*.log"))


def _listens(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=PATIENCE):
        return True
    return False
