"""What can happen in a story, how often, and with what."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from hypothesis import strategies as st

from .ground import TAKEN
from .things import Box

ADDRESSES = [f"{name}@friends.example" for name in ("kim", "kim+news", "lou", "max", "nan", "oda")]
SUBJECTS = ["Hello", "Hello 7", "Your invoice"]
BEGINNING = datetime(2030, 1, 15, 10, 0, tzinfo=UTC)


def boxes() -> list[Box]:
    """The mailboxes as a story finds them."""
    modes = ["autonomous", "gated_send", "gated_send", "gated_all", "autonomous"]
    return [Box(f"box-{number}", mode, people=2 if number == 2 else 0) for number, mode in enumerate(modes)]


BOXES = len(boxes())


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
box = st.integers(0, BOXES - 1)
worker = st.sampled_from(["Ada", "Bo"])
aim = seldom("where it fits", "anywhere")
by = st.sampled_from(["rhea", "omar", "owner", "rhea", "omar", "vera", "owner", "rhea"])
recipients = st.lists(st.sampled_from(ADDRESSES), min_size=1, max_size=3, unique=True)
SEND: dict[str, st.SearchStrategy[Any]] = {
    "box": box,
    "mode": st.sampled_from([*[None] * 6, "gated_send", "gated_send", "monitored", "read_only", *[None] * 6]),
    "to": recipients,
    "key": st.sampled_from(["first", "second", "first"]),
    "provenance": st.sampled_from(["human", "", "inbound", "schedule"]),
    "subject": st.sampled_from(SUBJECTS),
}
SEEN = {"seen": seldom("the present version", "an old version")}
WHOM = {"mail": which, "aim": aim, "by": by}
STOPPED = st.sampled_from(["account", "everything", "box-1", "box-0", "Ann", "Ben", "first", "second", "account"])

Choice = tuple[str, str, dict[str, st.SearchStrategy[Any]]]

# Season, act, what it is done with, once for each weight. One rule instead of one for each, because Hypothesis switches
# rules off at random, and a story without a worker is short. What closes a way is rarer than what opens it again.
# Of every list the first and the last are drawn more often than others.
ACTS: list[tuple[int, Choice]] = [
    (9, ("outbox", "answer", {
        "worker": worker, "kind": st.sampled_from(["sent", "unknown", "deferred", "failed", "deferred", "sent"])})),
    (5, ("", "submit", SEND)),
    (2, ("", "cancel", {"mail": which, "aim": aim})),
    (7, ("", "decide", {"verb": st.just("approve")} | WHOM | SEEN)),
    (1, ("desk", "decide", {"verb": st.just("reject")} | WHOM | SEEN)),
    (3, ("", "decide", {"verb": st.just("undo")} | WHOM | SEEN)),
    (1, ("desk", "edit", {"subject": st.sampled_from(["Hello", "Other words", "Third words"]),
                          "to": st.one_of(st.none(), recipients)} | WHOM | SEEN)),
    (1, ("desk", "decide", {"verb": st.just("request_changes")} | WHOM | SEEN)),
    (1, ("desk", "resubmit", {"mail": which, "aim": aim} | {name: SEND[name] for name in SEND if name != "box"})),
    (1, ("desk", "claim_review", WHOM)),
    (1, ("desk", "let_go", WHOM)),
    (1, ("desk", "snooze", {"hours": st.sampled_from([None, 1, 30, 200, -1])} | WHOM)),
    (1, ("desk", "set_claims", {"claims": st.sampled_from(["optional", "required", "off"])})),
    (1, ("desk", "bulk_reject", {"mails": st.lists(which, min_size=1, max_size=3, unique=True), "by": by} | SEEN)),
    (1, ("desk", "bulk_approve", {"mail": which, "by": by, "has_read": seldom(True, False)})),
    (1, ("desk", "sweep", {"what": st.sampled_from(["run_batches", "expire_returned", "run_batches"])})),
    (3, ("outbox", "send", {"worker": worker})),
    (5, ("outbox", "claim", {"worker": worker, "limit": st.sampled_from([1, 2, 20])})),
    (4, ("outbox", "write", {"worker": worker})),
    (1, ("outbox", "give_back", {"worker": worker})),
    (2, ("outbox", "crash", {"worker": worker, "has_begun": st.sampled_from([True, False, True])})),
    (1, ("outbox", "crash_server", {
        "loses_marks": st.booleans(), "kills": st.sampled_from([["Ada"], [], ["Ada", "Bo"]])})),
    (2, ("outbox", "reap_in_time", {})),
    (3, ("", "release_in_time", {})),
    (2, ("", "sweep", {"what": st.sampled_from(
        ["reap", "expire", "release", "cancel_departed", "settle", "expire_returned"])})),
    (4, ("", "wait", {"minutes": st.sampled_from([1, 1, 1, 16, 16, 16, 300, 1440, 11000])})),
    (2, ("outbox", "report", {"mail": which, "which": which, "state": st.sampled_from(TAKEN)})),
    (1, ("outbox", "tend", {"verb": st.sampled_from(["requeue", "drop", "requeue"]), "which": which, "by": by})),
    (1, ("switches", "stop", {"what": STOPPED, "by": by})),
    (2, ("switches", "resume", {"which": which})),
    (1, ("", "suppress", {"address": st.sampled_from(ADDRESSES[2:])})),
    (1, ("switches", "set_mode", {
        "box": box, "mode": st.sampled_from(["autonomous", "gated_send", "read_only", "gated_all", "autonomous"])})),
    (1, ("switches", "tighten", {
        "box": box, "mode": st.sampled_from(["gated_send", "monitored", "autonomous", "read_only", "gated_all"])})),
    (1, ("switches", "set_floor", {"box": box, "floor": st.sampled_from([None, "gated_send", "read_only", None])})),
    (1, ("switches", "revoke", {"key": seldom(None, "second")})),
    (2, ("switches", "arrive", {"box": st.sampled_from([3, 1, 2, 3]), "answers": st.booleans(), "mail": which})),
    (1, ("", "set_status", {"box": box, "status": st.sampled_from(["ACTIVE", "PAUSED", "ACTIVE"])})),
    (1, ("", "delete", {"box": seldom(None, BOXES - 1)})),
    (5, ("outbox", "mark", {"worker": worker})),
]  # fmt: skip
# What a season has more of, and how much more.
SEASONS: Mapping[str, int] = {"outbox": 1, "desk": 4, "switches": 3}


def acts_of(season: str) -> st.SearchStrategy[Act]:
    """The acts of a season. Made once: Hypothesis looks a strategy through when it meets it first, which costs more
    than to draw from it."""
    choices = [
        act
        for weight, (its, name, given) in ACTS
        for act in [st.builds(Act, st.just(name), st.fixed_dictionaries(given))]
        * (weight * (SEASONS[season] if its == season else 1))
    ]
    return st.sampled_from(choices).flatmap(lambda act: act)
