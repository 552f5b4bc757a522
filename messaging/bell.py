"""A bell rings from a thread of its own: nobody waits for the broker, and what is rung during a pause rings once."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

PAUSE_SECONDS = 0.02


class Bell:
    """`sound` is called with each door, always from the bell's thread; it must not raise."""

    def __init__(self, sound: Callable[[str], None]) -> None:
        self._sound = sound
        self._due: set[str] = set()
        self._is_due = threading.Event()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def ring(self, door: str) -> None:
        with self._lock:
            self._due.add(door)
            # Also dead in a process that was forked since.
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._run, name="bell", daemon=True)
                self._thread.start()
        self._is_due.set()

    def ring_out(self) -> None:
        """Ring at once what is due: the process is about to end, and its threads with it."""
        with self._lock:
            due, self._due = self._due, set()
        for door in sorted(due):
            self._sound(door)

    def _run(self) -> None:
        while True:
            self._is_due.wait()
            self._is_due.clear()
            self.ring_out()
            time.sleep(PAUSE_SECONDS)
