"""The relay of these runs: one address and one heap of dumps, behind which smtp-sink changes its mood or goes away."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.fakes.postfix import MESSAGE_ID, SINK, environment
from tests.ports import free_port


@contextmanager
def open_relay() -> Iterator[Relay]:
    """A relay that takes everything."""
    # Not in pytest's own folder, which is closed to the user that smtp-sink becomes.
    folder = Path(tempfile.mkdtemp(prefix="gatepost-relay-"))
    relay = Relay(folder)
    relay.open()
    try:
        yield relay
    finally:
        relay.close()
        shutil.rmtree(folder)


class Relay:
    """Counts every Message-ID that it was given, whatever it answered."""

    def __init__(self, folder: Path) -> None:
        # smtp-sink gives up root's rights, and the other user must be able to write.
        folder.chmod(0o777)
        self.dumps, self.port = folder, free_port()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"smtp://127.0.0.1:{self.port}"

    def open(self, *mood: str) -> None:
        user = ["-u", "nobody"] if os.geteuid() == 0 else []
        # Each run has its own names: a name that is taken is written over.
        dump = ["-d", f"{self.dumps}/{time.time_ns()}.%M."]
        self._process = subprocess.Popen(
            [str(SINK), *user, *dump, *mood, f"127.0.0.1:{self.port}", "1000"],
            env=environment(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        until = time.monotonic() + 10
        while not self._listens():
            assert time.monotonic() < until, "smtp-sink does not listen"
            time.sleep(0.02)

    def close(self) -> None:
        if self._process:
            self._process.kill()
            self._process.wait()

    @contextmanager
    def away(self) -> Iterator[None]:
        """Nobody listens."""
        self.close()
        try:
            yield
        finally:
            self.open()

    @contextmanager
    def moody(self, *mood: str) -> Iterator[None]:
        """smtp-sink with these options."""
        self.close()
        self.open(*mood)
        try:
            yield
        finally:
            self.close()
            self.open()

    def copies(self) -> Counter[str]:
        """How often each Message-ID arrived, complete or not."""
        found: Counter[str] = Counter()
        for path in self.dumps.iterdir():
            found.update(match.decode() for match in MESSAGE_ID.findall(path.read_bytes()))
        return found

    def _listens(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
        except OSError:
            return False
        return True
