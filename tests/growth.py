"""How the time of an act grows with its input: processor's time, the same on a slow machine and on a busy one."""

from __future__ import annotations

import time
from collections.abc import Callable

# Below it nothing is said of a time: the machine's own doings are as long.
LEAST_SECONDS = 0.02
TIMES = 3


def seconds(act: Callable[[], object]) -> float:
    """What an act takes when nothing comes between: the shortest of several."""
    return min(seconds_once(act) for _ in range(TIMES))


def is_steady(few: Callable[[], object], many: Callable[[], object]) -> bool:
    """Whether four times as much takes about four times as long, and not sixteen times."""
    return seconds(many) < 10 * max(seconds(few), LEAST_SECONDS)


def seconds_once(act: Callable[[], object]) -> float:
    """What an act took this time."""
    began = time.process_time()
    act()
    return time.process_time() - began
