"""Time told by ratio: how an act's processor time grows with its input, and how slow the machine is just now."""

from __future__ import annotations

import time
from collections.abc import Callable

# Below it nothing is said of a time: the machine's own doings are as long.
LEAST_SECONDS = 0.02
TIMES = 3
# What the loop of `slowness` takes on a quiet machine of the kind that the seconds of our promises were measured on.
QUIET_SECONDS = 0.055


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


def slowness() -> float:
    """How many times longer a loop takes now than on a quiet machine, by the clock on the wall; at least 1."""
    began = time.perf_counter()
    for _ in range(1_000_000):
        pass
    return max((time.perf_counter() - began) / QUIET_SECONDS, 1.0)
