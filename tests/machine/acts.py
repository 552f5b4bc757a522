"""What can happen in a story, how often, and with what."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from hypothesis import strategies as st

from .model import TAKEN

MODES = ["autonomous", "gated_send", "gated_send", "autonomous"]
ADDRESSES = [f"{name}@friends.example" for name in ("kim", "kim+news", "lou", "max", "nan", "oda")]
BEGINNING = datetime(2030, 1, 15, 10, 0, tzinfo=UTC)


@dataclass(frozen=True)
class Act:
    """One step of the story: which verb, with what."""

    name: str
    arguments: dict[str, Any]

    def __repr__(self) -> str:
        return f"{self.name}({', '.join(f'{name}={value!r}' for name, value in self.arguments.items())})"


def seldom(usual: object, rare: object) -> st.SearchStrategy[Any]:
    return st.sampled_from([*[usual] * 7, rare])


which = st.integers(0, 7)
box = st.integers(0, len(MODES) - 1)
worker = st.sampled_from(["Ada", "Bo"])
aim = seldom("where it fits", "anywhere")
SEND: dict[str, st.SearchStrategy[Any]] = {
    "box": box,
    "mode": st.sampled_from([*[None] * 6, "gated_send", "gated_send", "monitored", "read_only", *[None] * 6]),
    "to": st.lists(st.sampled_from(ADDRESSES), min_size=1, max_size=3, unique=True),
}
DECIDE = {
    "mail": which,
    "aim": aim,
    "seen": seldom("the present version", "an old version"),
    "by": seldom("rhea", "viewer"),
}

# Weight, act, what it is done with. One rule instead of one for each, because Hypothesis switches rules off at random,
# and a story without a worker is short. What closes a way is rarer than what opens it again.
# Of every list the first and the last are drawn more often than others.
ACTS: list[tuple[int, str, dict[str, st.SearchStrategy[Any]]]] = [
    (9, "answer", {"worker": worker, "kind": st.sampled_from(["sent", "unknown", "deferred", "failed", "sent"])}),
    (5, "submit", SEND),
    (2, "cancel", {"mail": which, "aim": aim}),
    (7, "decide", {"verb": st.just("approve")} | DECIDE),
    (1, "decide", {"verb": st.just("reject")} | DECIDE),
    (3, "decide", {"verb": st.just("undo")} | DECIDE),
    (5, "claim", {"worker": worker, "limit": st.sampled_from([1, 2, 20])}),
    (4, "write", {"worker": worker}),
    (1, "give_back", {"worker": worker}),
    (2, "crash", {"worker": worker, "has_begun": st.sampled_from([True, False, True])}),
    (1, "crash_server", {"loses_marks": st.booleans(), "kills": st.sampled_from([["Ada"], [], ["Ada", "Bo"]])}),
    (2, "reap_in_time", {}),
    (3, "release_in_time", {}),
    (2, "sweep", {"what": st.sampled_from(["reap", "expire", "release", "cancel_departed"])}),
    (4, "wait", {"minutes": st.sampled_from([1, 1, 1, 16, 16, 16, 300, 1440, 11000])}),
    (2, "report", {"mail": which, "which": which, "state": st.sampled_from(TAKEN)}),
    (1, "stop", {}),
    (2, "resume", {}),
    (1, "suppress", {"address": st.sampled_from(ADDRESSES[2:])}),
    (1, "set_mode", {"box": box, "mode": st.sampled_from(["autonomous", "gated_send", "read_only", "autonomous"])}),
    (1, "set_status", {"box": box, "status": st.sampled_from(["ACTIVE", "PAUSED", "ACTIVE"])}),
    (1, "delete", {"box": seldom(None, 3)}),
    (5, "mark", {"worker": worker}),
]  # fmt: skip
# Made once: Hypothesis looks a strategy through when it meets it first, which costs more than to draw from it.
acts = st.sampled_from(
    [
        act
        for weight, name, given in ACTS
        for act in [st.builds(Act, st.just(name), st.fixed_dictionaries(given))] * weight
    ]
).flatmap(lambda act: act)
