"""The fault points, what may strike at each of them, and how many answers that may cost."""

from __future__ import annotations

import random
from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """KILL: signal 9. RAISE: an exception. STALL: the process stands still until everybody else believes it dead, then
    goes on. DROP_DATABASE: its connection to the database is cut. DROP_NETWORK: that to its peer (the relay, the
    client) is cut.
    """

    KILL = "kill"
    RAISE = "raise"
    STALL = "stall"
    DROP_DATABASE = "drop-db"
    DROP_NETWORK = "drop-net"

    @property
    def plan(self) -> str:
        """The kind as FAULTPOINTS names it: while a process stands still, its network can be cut from outside."""
        return {"stall": "stop", "drop-db": "drop", "drop-net": "stop"}.get(self.value, self.value)


ALWAYS = (Kind.KILL, Kind.RAISE, Kind.STALL)
WITH_DATABASE = (*ALWAYS, Kind.DROP_DATABASE)
WITH_NETWORK = (*ALWAYS, Kind.DROP_NETWORK)
BOTH = (*ALWAYS, Kind.DROP_DATABASE, Kind.DROP_NETWORK)

KINDS: dict[str, tuple[Kind, ...]] = {
    "accept.before_commit": BOTH,
    "accept.after_commit": BOTH,
    "decide.before_commit": BOTH,
    "decide.after_commit": BOTH,
    "expire.mid": WITH_DATABASE,
    "release.before_commit": WITH_DATABASE,
    "release.after_commit": WITH_DATABASE,
    "claim.before_commit": WITH_DATABASE,
    "claim.after_commit": WITH_DATABASE,
    "smtp.after_connect": BOTH,
    "smtp.after_rcpt": BOTH,
    "smtp.before_data_mark": BOTH,
    "smtp.after_data_mark": BOTH,
    "smtp.mid_body": BOTH,
    "smtp.after_dot": BOTH,
    "smtp.after_reply": BOTH,
    "smtp.before_result_commit": BOTH,
    "smtp.after_result_commit": BOTH,
    "inbound.after_data": WITH_NETWORK,  # the event loop's thread, which has no connection to the database
    "inbound.before_commit": BOTH,
    "inbound.after_commit": BOTH,
    "inbound.after_250": WITH_NETWORK,
    "parse.before_commit": WITH_DATABASE,
    "parse.after_commit": WITH_DATABASE,
    "sse.mid": WITH_NETWORK,  # on the event loop, too
    "hook.before_post": WITH_NETWORK,  # threads that have no connection to the database
    "hook.after_2xx": WITH_NETWORK,
    "hook.after_commit": WITH_DATABASE,
}
SEEDS = range(1, 6)

# How many answers of the relay one fault may cost at least and at most, where it is not none. A worker that dies may
# hold the answer to its last mail while it is about the next one; one that stalls brings its answer late, as evidence.
ONE, AT_MOST_ONE = (1, 1), (0, 1)
LOST_ANSWERS: dict[str, dict[Kind, tuple[int, int]]] = {
    "smtp.after_connect": {Kind.KILL: AT_MOST_ONE, Kind.DROP_DATABASE: AT_MOST_ONE},
    "smtp.after_rcpt": {Kind.KILL: AT_MOST_ONE, Kind.DROP_DATABASE: AT_MOST_ONE},
    "smtp.before_data_mark": {Kind.KILL: AT_MOST_ONE, Kind.DROP_DATABASE: AT_MOST_ONE, Kind.DROP_NETWORK: ONE},
    "smtp.after_data_mark": {
        **dict.fromkeys((Kind.KILL, Kind.DROP_NETWORK), ONE),  # an exception comes before the first byte
        Kind.DROP_DATABASE: AT_MOST_ONE,
    },
    "smtp.mid_body": {
        **dict.fromkeys((Kind.KILL, Kind.RAISE, Kind.DROP_NETWORK), ONE),
        Kind.DROP_DATABASE: AT_MOST_ONE,
    },
    "smtp.after_dot": {
        **dict.fromkeys((Kind.KILL, Kind.RAISE, Kind.DROP_NETWORK), ONE),
        Kind.DROP_DATABASE: AT_MOST_ONE,
    },
    "smtp.after_reply": {**dict.fromkeys((Kind.KILL, Kind.RAISE), ONE), Kind.DROP_DATABASE: AT_MOST_ONE},
    "smtp.before_result_commit": {
        Kind.KILL: ONE,
        **dict.fromkeys((Kind.RAISE, Kind.DROP_DATABASE), AT_MOST_ONE),
    },
}
# Reached once for a whole batch.
ONCE_A_BATCH = (
    *("claim.before_commit", "claim.after_commit"),
    *("smtp.before_result_commit", "smtp.after_result_commit"),
    *("parse.before_commit", "parse.after_commit"),
    "hook.after_commit",
)


@dataclass(frozen=True)
class Case:
    """One run of the matrix. The seed chooses the mix, and always the same."""

    point: str
    kind: Kind
    seed: int

    @property
    def id(self) -> str:
        return f"{self.point}-{self.kind.value}-{self.seed}"

    @property
    def area(self) -> str:
        return self.point.partition(".")[0]

    @property
    def lost_answers(self) -> tuple[int, int]:
        return LOST_ANSWERS.get(self.point, {}).get(self.kind, (0, 0))

    def dice(self) -> random.Random:
        return random.Random(self.id)

    def faults(self, nth: int) -> str:
        return f"{self.point}={self.kind.plan}@{nth}"


MATRIX = [Case(point, kind, seed) for point, kinds in KINDS.items() for kind in kinds for seed in SEEDS]

# What runs in every check: a kill at each point, and the other kinds where they differ most.
SAMPLE = [Case(point, Kind.KILL, 1) for point in KINDS] + [
    Case("accept.before_commit", Kind.STALL, 1),
    Case("claim.after_commit", Kind.RAISE, 1),
    Case("smtp.before_data_mark", Kind.STALL, 1),
    Case("smtp.mid_body", Kind.STALL, 1),
    Case("smtp.after_dot", Kind.DROP_NETWORK, 1),
    Case("smtp.after_reply", Kind.DROP_DATABASE, 1),
    Case("inbound.before_commit", Kind.DROP_NETWORK, 1),
    Case("parse.before_commit", Kind.DROP_DATABASE, 1),
    Case("sse.mid", Kind.STALL, 1),
    Case("hook.after_2xx", Kind.STALL, 1),
    Case("hook.after_commit", Kind.DROP_DATABASE, 1),
]
