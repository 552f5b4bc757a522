"""Threads that ask receivers: made when they are needed, none of them with a connection to the database.

More is given to them than they can do at once, so that they have work while the next is made ready. What waits stands
in a lane of its endpoint: an endpoint has few threads at once, and all endpoints of one account have few.
"""

from __future__ import annotations

import threading
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar
from uuid import UUID

Task = TypeVar("Task")


@dataclass(frozen=True, slots=True)
class Lane:
    """Whose work it is."""

    endpoint_id: UUID
    account_id: UUID


@dataclass(frozen=True, slots=True)
class Limits:
    """How many threads there are, how many one endpoint may have, and all those of one account."""

    threads: int
    of_endpoint: int
    of_account: int


class Crew(Generic[Task]):
    """Threads that call `work` with each task.

    They are daemons: a receiver that takes its time must not hold up the end of the process.
    """

    def __init__(self, work: Callable[[Task], None], limits: Limits) -> None:
        self._work = work
        self._limits = limits
        self._change = threading.Condition()
        self._lanes: dict[Lane, deque[Task]] = {}  # in the order of their turns
        self._at_work: Counter[UUID] = Counter()
        self._idle = self._count = 0

    def give(self, lane: Lane, task: Task) -> None:
        """Have it done when it is the lane's turn."""
        with self._change:
            self._lanes.setdefault(lane, deque()).append(task)
            self._call_one_more()

    def take_back(self, endpoint_id: UUID | None = None) -> list[Task]:
        """What nobody has begun: of this endpoint, or of all."""
        with self._change:
            lanes = [one for one in self._lanes if endpoint_id in (None, one.endpoint_id)]
            return [task for lane in lanes for task in self._lanes.pop(lane)]

    def _run(self) -> None:
        while True:
            lane, task = self._next()
            self._work(task)
            with self._change:
                self._at_work.subtract((lane.endpoint_id, lane.account_id))
                self._at_work += Counter()  # drops what is at 0
                self._call_one_more()

    def _next(self) -> tuple[Lane, Task]:
        with self._change:
            while (lane := self._find_lane()) is None:
                self._idle += 1
                self._change.wait()
                self._idle -= 1
            tasks = self._lanes.pop(lane)
            task = tasks.popleft()
            if tasks:
                self._lanes[lane] = tasks  # behind all others
            self._at_work.update((lane.endpoint_id, lane.account_id))
            self._call_one_more()
            return lane, task

    def _call_one_more(self) -> None:
        """A thread for what may be begun. Each that comes calls the next: some that were called are not awake yet."""
        if self._find_lane() is None:
            return
        if self._idle:
            self._change.notify()
        elif self._count < self._limits.threads:
            self._count += 1
            threading.Thread(target=self._run, name=f"teller {self._count}", daemon=True).start()

    def _find_lane(self) -> Lane | None:
        """The first in turn that may have one thread more."""
        limits, at_work = self._limits, self._at_work
        return next(
            (
                one
                for one in self._lanes
                if at_work[one.endpoint_id] < limits.of_endpoint and at_work[one.account_id] < limits.of_account
            ),
            None,
        )
