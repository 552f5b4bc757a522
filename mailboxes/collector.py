"""How often Python looks for reference cycles in a process that has to do with many at once.

A full collection walks every object: with a thousand streams open it held the event loop for 0.3 seconds, again and
again (`tests/bench/bench_streams.py`), since what one event makes for each stream looked like growth.
"""

from __future__ import annotations

import gc

# Young objects before a look: what an event makes for some thousand streams is gone again by itself until then.
YOUNG, MIDDLE, OLD = 50_000, 20, 20


def settle() -> None:
    """Call it once all is loaded: what is there now stays, and is never walked again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG, MIDDLE, OLD)
