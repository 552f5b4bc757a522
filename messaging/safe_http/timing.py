"""One budget of seconds for all that a request waits for."""

from __future__ import annotations

import time

from .failures import TimedOut


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
