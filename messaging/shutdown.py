"""Ending in good order: whoever works in a loop asks here whether to begin another round."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.sharedctypes import RawValue
from types import FrameType

# Shared memory, made before a worker forks its pool: the parent alone hears of a warm shutdown. No lock, since a
# signal handler must never wait for one.
_asked = RawValue("b", 0)
# SIGTERM to one process of the pool concerns that process only.
_signals: list[int] = []


def ask() -> None:
    """From now on no loop of this process, or of those that it forked, begins another round."""
    _asked.value = 1


def is_asked() -> bool:
    return bool(_asked.value or _signals)


@contextmanager
def termination_waits() -> Iterator[None]:
    """Inside, SIGTERM only asks; on leaving it takes its course. A process would else die with a mail half sent."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, _note)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
        if _signals:
            _signals.clear()
            os.kill(os.getpid(), signal.SIGTERM)


def _note(number: int, _frame: FrameType | None) -> None:
    _signals.append(number)
