"""Doorbells: wake a worker by the name of a task, after the commit. A lost ring is found by the sweep."""

from __future__ import annotations

import atexit
import threading
import time

import structlog
from celery import current_app
from django.db import transaction
from kombu.exceptions import KombuError

from .silence import Silence

log = structlog.get_logger(__name__)

DRAIN_OUTBOX = "messaging.drain_outbox"
PROCESS_INTAKE = "messaging.process_intake"

PAUSE_SECONDS = 0.02


class Bell:
    """Rings from a thread of its own: nobody waits for the broker, and what is rung during a pause rings once.

    Whoever is woken looks for all that is due, so a longer pause costs less work and a later start.
    """

    def __init__(self, *, pause_seconds: float = PAUSE_SECONDS) -> None:
        self._pause_seconds = pause_seconds
        self._due: set[str] = set()
        self._is_due = threading.Event()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        atexit.register(self.ring_out)

    def ring(self, task_name: str) -> None:
        with self._lock:
            self._due.add(task_name)
            # Also dead in a process that was forked since.
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._run, name="doorbell", daemon=True)
                self._thread.start()
        self._is_due.set()

    def ring_out(self) -> None:
        """Ring at once what is due: the process is about to end, and its threads with it."""
        with self._lock:
            due, self._due = self._due, set()
        for task_name in sorted(due):
            _ring_now(task_name)

    def _run(self) -> None:
        while True:
            self._is_due.wait()
            self._is_due.clear()
            self.ring_out()
            time.sleep(self._pause_seconds)


bell = Bell()
_silence = Silence()


def ring(task_name: str) -> None:
    """Wake a worker for `task_name` once the transaction is committed. Never fails the caller: rows are the truth."""
    transaction.on_commit(lambda: bell.ring(task_name), robust=True)


def _ring_now(task_name: str) -> None:
    if _silence.is_kept():
        return
    try:
        current_app.tasks[task_name].apply_async(ignore_result=True, retry=False)
    except (OSError, KombuError) as error:
        _silence.begin()
        log.warning("wakeup.lost", task=task_name, error=str(error))
