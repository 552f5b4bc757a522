"""Plans that hang on no statistics: what autovacuum has counted meanwhile changes nothing."""

from __future__ import annotations

from typing import Any

SWITCHED_OFF = ("enable_seqscan", "enable_bitmapscan", "enable_sort", "enable_incremental_sort")


def only_in_order(cursor: Any) -> None:
    """Until the transaction ends the planner reads along an index that has the order asked for, if there is one."""
    for name in SWITCHED_OFF:
        cursor.execute(f"SET LOCAL {name} = off")
