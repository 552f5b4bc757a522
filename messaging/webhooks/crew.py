"""Threads that ask receivers: made when they are needed, none of them with a connection to the database."""

from __future__ import annotations

import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Generic, TypeVar

Task = TypeVar("Task")


class Crew(Generic[Task]):
    """Up to `size` threads that call `work` with each task.

    They are daemons: a receiver that takes its time must not hold up the end of the process.
    """

    def __init__(self, work: Callable[[Task], None], *, size: int) -> None:
        self._work = work
        self._size = size
        self._tasks: SimpleQueue[Task] = SimpleQueue()
        self._idle = threading.Semaphore(0)
        self._count = 0

    def give(self, task: Task) -> None:
        """Have it done by the next who is free."""
        self._tasks.put(task)
        if not self._idle.acquire(blocking=False) and self._count < self._size:
            self._count += 1
            threading.Thread(target=self._run, name=f"teller {self._count}", daemon=True).start()

    def _run(self) -> None:
        while True:
            self._work(self._tasks.get())
            self._idle.release()
