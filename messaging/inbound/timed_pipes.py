"""The pipes to a child process as one stream that gives up when its time is over."""

from __future__ import annotations

import os
import select
import subprocess
import time
from contextlib import suppress

CHUNK = 256 * 1024


class TimeIsOver(Exception):
    """The child neither read nor wrote for as long as it was given."""


class TimedPipes:
    """Reads what the child writes and writes what it reads; `allow` says for how long from now."""

    def __init__(self, child: subprocess.Popen[bytes]) -> None:
        assert child.stdin is not None
        assert child.stdout is not None
        self._to, self._from = child.stdin.fileno(), child.stdout.fileno()
        # Only our ends: the child's own ends go on waiting as usual.
        os.set_blocking(self._to, False)
        os.set_blocking(self._from, False)
        self._read = bytearray()
        self._until = 0.0

    def allow(self, seconds: float) -> None:
        self._until = time.monotonic() + seconds

    def write(self, octets: bytes) -> None:
        """Write all of it. Raises TimeIsOver or BrokenPipeError."""
        rest = memoryview(octets)
        while rest:
            self._wait(self._to, select.POLLOUT)
            with suppress(BlockingIOError):
                rest = rest[os.write(self._to, rest) :]

    def flush(self) -> None:
        """Nothing is kept back."""

    def read(self, size: int) -> bytes:
        """`size` bytes; fewer when the child closed its end. Raises TimeIsOver."""
        while len(self._read) < size:
            self._wait(self._from, select.POLLIN)
            with suppress(BlockingIOError):
                chunk = os.read(self._from, CHUNK)
                if not chunk:
                    break
                self._read += chunk
        found = bytes(self._read[:size])
        del self._read[:size]
        return found

    def _wait(self, descriptor: int, events: int) -> None:
        poll = select.poll()
        poll.register(descriptor, events)
        if not poll.poll(max(0.0, self._until - time.monotonic()) * 1000):
            raise TimeIsOver
