"""What one request may take of time and of bytes."""

from __future__ import annotations

import time

from .failures import TimedOut, TooLarge


class Deadline:
    """Ends `seconds` from now."""

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds

    def left(self) -> float:
        """The seconds that are left, more than 0. Raises TimedOut when none are."""
        left = self._end - time.monotonic()
        if left <= 0:
            raise TimedOut("timed_out", "The server took too long.")
        return left

    def shorten(self, seconds: float) -> None:
        """End in `seconds` from now at the latest."""
        self._end = min(self._end, time.monotonic() + seconds)


class Budget:
    """What one request may take: until `deadline`, and `max_bytes` of answer on the wire, whatever they are."""

    def __init__(self, deadline: Deadline, *, max_bytes: int) -> None:
        self.deadline = deadline
        self._bytes_left = max_bytes
        self.has_answer = False

    def take(self, count: int) -> None:
        """Note bytes of the answer. Raises TooLarge when they are more than there may be."""
        self.has_answer = self.has_answer or count > 0
        self._bytes_left -= count
        if self._bytes_left < 0:
            raise TooLarge("too_large", "The server's answer is too large.")
