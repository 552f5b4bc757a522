"""`manage.py up` as a fresh shell would start it: a whole instance with real processes, in a folder of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from urllib.error import HTTPError

from tests.ports import free_port

ROOT = Path(__file__).parents[1]
# So long anything that will come is waited for: on a machine that stalls it comes late.
PATIENCE = 300.0


def fresh_shell(data_dir: Path) -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "DATA_DIR": str(data_dir)}


def manage(data_dir: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "manage.py", *arguments]
    return subprocess.run(command, cwd=ROOT, env=fresh_shell(data_dir), capture_output=True, text=True, check=False)


class Instance:
    """One `manage.py up` in an environment of its own, as a fresh shell would start it."""

    def __init__(self, data_dir: Path, **environment: str) -> None:
        self.data_dir = data_dir
        self.port = free_port()
        self.output = data_dir.with_suffix(".log")
        self.smtp_port = free_port()
        ports = {"PORT": str(self.port), "SMTP_PORT": str(self.smtp_port)}
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "manage.py", "up"],
                cwd=ROOT,
                env=fresh_shell(data_dir) | ports | environment,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def text(self) -> str:
        return self.output.read_text(errors="replace")

    def wait_until_ready(self) -> Instance:
        self.until(lambda: "Gatepost is ready" in self.text() or self.process.poll() is not None)
        assert self.process.poll() is None, self.text()
        return self

    def until(self, condition: Callable[[], object], *, seconds: float = PATIENCE) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, self.text()
            time.sleep(0.05)

    def health(self) -> dict[str, object]:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/health/ready", timeout=60) as answer:
                body: dict[str, object] = json.load(answer)
        except HTTPError as error:
            body = json.load(error)
            error.close()
        except OSError:
            return {}
        return body

    def processes(self) -> dict[int, str]:
        """Everything that runs for this instance: pid → command line.

        Ours inherit DATA_DIR; Valkey and PostgreSQL write their titles over the environment, but one shows its socket
        there and the other works in its data folder.
        """
        found = {}
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                line = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                marks = [line, os.readlink(folder / "cwd"), (folder / "environ").read_bytes().decode(errors="replace")]
            except OSError:
                continue
            if line and any(str(self.data_dir) in mark for mark in marks):
                found[int(folder.name)] = line
        return found

    def kill(self, words: str) -> None:
        """kill -9 of the process whose command line has these words, the oldest if there are several."""
        pid = min(pid for pid, line in self.processes().items() if words in line)
        os.kill(pid, signal.SIGKILL)
        self.until(lambda: pid not in self.processes())

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(60)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.output.unlink(missing_ok=True)
