"""A condition of a rule: read from its JSON, looked at with the facts of a message."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .kinds import KINDS, Kind
from .looks import Asked, Look
from .reading import Field, Place, choice, flag, members, optional
from .types import Facts


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition of a rule, as it was given."""

    kind: Kind
    given: Mapping[str, Any]
    is_not: bool = False

    def look(self, facts: Facts, *, for_every: bool) -> Look:
        if any(getattr(facts, name) is None for name in self.kind.needs_of(self.given)):
            return Look(None, "not known of this message")
        look = self.kind.look(facts, Asked(self.given, self.is_not, for_every))
        if facts.is_cut and self.kind.is_of_text and not look.is_met:
            # It may stand in what was not looked at: who stops is met, and who lets pass is not.
            return Look(not for_every, "more text than is looked at")
        if self.kind.turns_itself or not self.is_not:
            return look
        return Look(not look.is_met, look.found)


def read(given: object, place: Place) -> Condition:
    """A condition from its JSON. Raises Malformed."""
    named = given.get("kind") if isinstance(given, Mapping) else None
    if not isinstance(given, Mapping) or not isinstance(named, str) or named not in KINDS:
        raise place.of("kind").wrong(f"Here belongs one of {', '.join(KINDS)}.")
    kind = KINDS[named]
    own = {"kind": Field(choice([named])), "isNot": optional(flag, default=False)}
    found = members(given, own | dict(kind.fields), place)
    del found["kind"]
    is_not = found.pop("isNot")
    if kind.needs_one_of and all(found[name] is None for name in kind.needs_one_of):
        raise place.of(kind.needs_one_of[0]).wrong(f"One of {', '.join(kind.needs_one_of)} is required.")
    if is_not and named == "always":
        raise place.of("isNot").wrong("A rule that never applies is no rule; switch it off by isOn.")
    if is_not and kind.turns_itself and (found.get("over"), found.get("sizeOver")) != (None, None):
        raise place.of("isNot").wrong("isNot goes with types, or alone.")
    return Condition(kind, found, is_not)
