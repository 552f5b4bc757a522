"""The filters of the queue as its address writes them: read once, asked of `pending`, drawn by the page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.http import QueryDict

from mailboxes.ids import parse_id
from messaging.models import Direction
from oversight.groups import ID as GROUP
from oversight.pending import GRAVEST_FIRST, Claimed, Wanted

from .cards import Select

Choices = list[tuple[str, str]]

WITHIN: Final = {"hour": timedelta(hours=1), "hours": timedelta(hours=8), "day": timedelta(days=1)}
AGES: Final = WITHIN | {"days": timedelta(days=3)}
WORDS: Final = {"hour": "an hour", "hours": "8 hours", "day": "a day", "days": "3 days"}
# For how long something is put off.
SPANS: Choices = [("hour", "for an hour"), ("hours", "for 8 hours"), ("day", "for a day")]
RISK = "risk"  # the way to sort that is not the usual one

RISKS: Choices = [(risk.value, risk.value.title()) for risk in GRAVEST_FIRST]
LOOKING: Choices = [(Claimed.ME, "Me"), (Claimed.ANYBODY, "Anybody"), (Claimed.NOBODY, "Nobody")]
DIRECTIONS: Choices = [(Direction.OUTBOUND, "To be sent"), (Direction.INBOUND, "Received")]
EXPIRING: Choices = [(name, WORDS[name]) for name in WITHIN]
WAITED: Choices = [(name, WORDS[name]) for name in AGES]
SORTS: Choices = [("", "Soonest end first"), (RISK, "Gravest risk first")]
CLOSED: Final[Mapping[str, Choices]] = {
    "risk": RISKS,
    "claimed": LOOKING,
    "direction": DIRECTIONS,
    "expires": EXPIRING,
    "age": WAITED,
}
WRITTEN: Final = ("tag", "lane", "rule", "q")
IDS: Final = ("mailbox", "agent")
WITHOUT_FIELD: Final = ("lane", "group", "snoozed")  # the form keeps them
TABS: Final[tuple[Mapping[str, str], ...]] = ({"expires": "hour"}, {"claimed": "me"})
NAMES: Final = (*IDS, *CLOSED, *WRITTEN, "group", "snoozed")
# No mailbox has it. What can't be read matches nothing: were it dropped, more would be rejected than was meant.
NOWHERE: Final = UUID(int=0)
LONGEST = 200


@dataclass(frozen=True, slots=True)
class Asked:
    """What the address of a queue asks for; of all names those that are not empty."""

    values: Mapping[str, str]
    is_by_risk: bool = False

    @classmethod
    def read(cls, query: QueryDict) -> Asked:
        given = {name: query.get(name, "").strip().replace("\x00", "")[:LONGEST] for name in NAMES}
        return cls({name: value for name, value in given.items() if value}, query.get("sort") == RISK)

    def __bool__(self) -> bool:
        return bool(self.values)

    def get(self, name: str) -> str:
        return self.values.get(name, "")

    @property
    def is_narrowed(self) -> bool:
        """Whether a field says more than the tabs above it."""
        return self.is_by_risk or (bool(set(self.values) - {"q", *WITHOUT_FIELD}) and self.values not in TABS)

    @property
    def query(self) -> QueryDict:
        """The filters as they stand in an address, the sort and the place left out."""
        query = QueryDict(mutable=True)
        query.update(dict(self.values))
        return query

    def wanted(self, now: datetime) -> Wanted:
        """What `pending` is asked for."""
        if not self._is_readable():
            return Wanted(mailbox_id=NOWHERE)
        age, expires = AGES.get(self.get("age")), WITHIN.get(self.get("expires"))
        return Wanted(
            mailbox_id=parse_id(self.get("mailbox")),
            agent_id=parse_id(self.get("agent")),
            group=self.get("group"),
            tag=self.get("tag"),
            lane=self.get("lane"),
            risk=self.get("risk"),
            rule=self.get("rule"),
            claimed=self.get("claimed"),
            direction=self.get("direction"),
            opened_before=now - age if age else None,
            expires_before=now + expires if expires else None,
            is_snoozed=bool(self.get("snoozed")),
            text=self.get("q"),
        )

    def _is_readable(self) -> bool:
        closed = {name: {value for value, _ in choices} for name, choices in CLOSED.items()} | {"snoozed": {"true"}}
        return (
            all(self.values.get(name) in {None, *values} for name, values in closed.items())
            and all(parse_id(self.get(name)) for name in IDS if self.get(name))
            and bool(not self.get("group") or GROUP.fullmatch(self.get("group")))
        )


def selects(asked: Asked, boxes: Choices, agents: Choices, rules: list[str]) -> list[Select]:
    """What one can choose from; of what there is but one of, nothing."""
    found = [
        Select("mailbox", "Mailbox", boxes, asked.get("mailbox")),
        Select("agent", "Agent", agents, asked.get("agent")),
        Select("rule", "Held for", [(code, in_words(code)) for code in rules], asked.get("rule")),
        Select("risk", "Risk", RISKS, asked.get("risk")),
        Select("direction", "Direction", DIRECTIONS, asked.get("direction")),
        Select("expires", "Ends within", EXPIRING, asked.get("expires")),
        Select("age", "Waits longer than", WAITED, asked.get("age")),
        Select("claimed", "Looked at by", LOOKING, asked.get("claimed")),
    ]
    return [select for select in found if len(select.options) > 1 or select.current]


def described(asked: Asked, boxes: Choices, agents: Choices) -> list[tuple[str, str]]:
    """The filters in words: pairs of what they are and what they ask for."""
    known = {select.name: (select.label, dict(select.options)) for select in selects(asked, boxes, agents, [])}
    plain = {"lane": "Lane", "rule": "Held for", "tag": "Tag", "q": "Search", "group": "Group", "snoozed": "Put off"}
    told = []
    for name, value in asked.values.items():
        label, options = (plain[name], {}) if name in plain else known[name]
        told.append((label, in_words(value) if name in ("lane", "rule") else options.get(value, value)))
    return told


def in_words(code: str) -> str:
    """A code of ours, as people read it."""
    return code.replace("_", " ").capitalize()
