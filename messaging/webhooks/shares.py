"""Who is told next, and how much at once: the places that are free, shared among the endpoints that wait.

Nobody who does not answer may take the places of those who do. So an endpoint has few places, one that failed last has
one, all of those together have at most half, and all endpoints of one account have at most half.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Waiting:
    """An endpoint with deliveries that are due. `room`: how many more it may have in hand at once."""

    endpoint_id: UUID
    account_id: UUID
    is_failing: bool
    room: int


@dataclass(frozen=True, slots=True)
class Places:
    """The places of this process that are free, and how many of them may go to endpoints that failed last.

    `taken` says how many each account has in hand, by all processes; `most_of_account` how many it may have.
    """

    free: int
    for_failing: int
    taken: dict[UUID, int]
    most_of_account: int


def share_out(waiting: Sequence[Waiting], places: Places) -> dict[UUID, int]:
    """How many deliveries are taken of which endpoint: a first one of each, in the order given, then a second one."""
    shares: Counter[UUID] = Counter()
    free, for_failing, taken = places.free, places.for_failing, Counter(places.taken)
    in_line = list(waiting)
    while in_line and free:
        again = []
        for one in in_line:
            has_place = free > 0 and (for_failing > 0 or not one.is_failing)
            if not has_place or taken[one.account_id] >= places.most_of_account:
                continue
            shares[one.endpoint_id] += 1
            taken[one.account_id] += 1
            free -= 1
            for_failing -= one.is_failing
            if shares[one.endpoint_id] < one.room:
                again.append(one)
        in_line = again
    return dict(shares)
