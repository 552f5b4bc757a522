"""A broker that does not answer is left alone for a while: who rings it waits for a timeout each time."""

from __future__ import annotations

import time

LEFT_ALONE_FOR = 5.0


class Silence:
    """What this process last heard of one bell. What is not rung meanwhile, a sweep finds."""

    def __init__(self) -> None:
        self._until = 0.0

    def is_kept(self) -> bool:
        """Whether to ring is pointless for now."""
        return time.monotonic() < self._until

    def begin(self) -> None:
        """Nobody answered."""
        self._until = time.monotonic() + LEFT_ALONE_FOR
