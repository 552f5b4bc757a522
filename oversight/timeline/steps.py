"""The values of a timeline: what happened to a message, step by step."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any


class Kind(StrEnum):
    """What a step is about; of steps of the same moment the one that stands first here came first."""

    ARRIVED = "arrived"
    INTENT = "intent"
    TRIGGER = "trigger"
    KEY = "key"
    CHECKS = "checks"
    FILED = "filed"
    VERDICT = "verdict"
    RELEASED = "released"
    TOLD = "told"
    REVIEW = "review"
    STOP = "stop"
    ATTEMPT = "attempt"
    OUTCOME = "outcome"
    FEEDBACK = "feedback"
    SUPPRESSION = "suppression"
    UNLOCKED = "unlocked"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    WEBHOOK = "webhook"


RANK = {kind: place for place, kind in enumerate(Kind)}
# Of these a message may have any number; of the others a handful.
REPEATED = frozenset({Kind.REVIEW, Kind.STOP, Kind.ATTEMPT, Kind.FEEDBACK, Kind.SUPPRESSION, Kind.WEBHOOK})


@dataclass(frozen=True, slots=True)
class Actor:
    """Who did it. `role`: agent, member, policy, sender or platform; `name` for people."""

    role: str
    name: str


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that happened. `text` is a sentence for people, `data` small facts in the words of the wire.

    `number` tells steps of one kind and moment apart: an event's place in the log, an attempt's number, a version.
    """

    at: datetime
    kind: Kind
    text: str
    by: Actor | None = None
    data: Mapping[str, Any] = field(default_factory=dict)
    number: int = 0

    @property
    def place(self) -> tuple[datetime, int, int, str]:
        return self.at, RANK[self.kind], self.number, self.text


@dataclass(frozen=True, slots=True)
class Timeline:
    """The way of a message, oldest step first.

    `is_complete`: the message is in a final state. What recipients' servers report, and what webhooks are told, may
    still follow. `has_more`: older steps of a kind that repeats were left out.
    """

    steps: tuple[Step, ...]
    is_complete: bool
    has_more: bool
