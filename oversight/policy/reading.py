"""Reading rules as they come: strict, and what is wrong is told by rule and field."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import time
from decimal import Decimal, InvalidOperation
from functools import cache
from typing import Any
from zoneinfo import available_timezones

Read = Callable[[object, "Place"], Any]

SLUG = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?")
HIGHEST = Decimal(10) ** 15
_CLOCK = re.compile(r"([01]\d|2[0-3]):([0-5]\d)")
_ADDRESS = re.compile(r"(\*|[^\s@*,;:<>()\"\[\]\\]{1,64})@([a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9-]{2,63}")


class Malformed(Exception):
    """Rules that can't be used. `rule` is the id of the one at fault, or its place; `field` the way to the value."""

    def __init__(self, sentence: str, *, rule: str, field: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.rule = rule
        self.field = field


@dataclass(frozen=True, slots=True)
class Place:
    """Where in a rule set one reads: `rules[2].when[0].over`, in the rule of that id."""

    path: str
    rule: str = ""

    def of(self, name: str) -> Place:
        return Place(f"{self.path}.{name}" if self.path else name, self.rule)

    def item(self, number: int) -> Place:
        return Place(f"{self.path}[{number}]", self.rule)

    def wrong(self, sentence: str) -> Malformed:
        return Malformed(sentence, rule=self.rule, field=self.path)


@dataclass(frozen=True, slots=True)
class Field:
    """How a member is read. A `default` makes it optional."""

    read: Read
    is_required: bool = True
    default: Any = None


def optional(read: Read, default: Any = None) -> Field:
    return Field(read, is_required=False, default=default)


def members(given: object, fields: Mapping[str, Field], place: Place) -> dict[str, Any]:
    """The members of an object by name, each as its field reads it. Unknown ones are refused, missing ones too."""
    if not isinstance(given, Mapping):
        raise place.wrong("Here belongs an object.")
    for name in given:
        if name not in fields:
            known = ", ".join(fields) or "none"
            raise place.of(str(name)[:40]).wrong(f"There is no such member here; there are {known}.")
    found = {}
    for name, field in fields.items():
        if given.get(name) is not None:
            found[name] = field.read(given[name], place.of(name))
        elif field.is_required:
            raise place.of(name).wrong("This member is required.")
        else:
            found[name] = field.default
    return found


def slug(given: object, place: Place) -> str:
    if not isinstance(given, str) or not SLUG.fullmatch(given):
        raise place.wrong("Here belong 1 to 40 of a-z, 0-9 and inner '-'.")
    return given


def text(most: int) -> Read:
    def read(given: object, place: Place) -> str:
        if not isinstance(given, str) or not given.strip() or len(given) > most or not given.isprintable():
            raise place.wrong(f"Here belong 1 to {most} printable characters.")
        return given

    return read


def flag(given: object, place: Place) -> bool:
    if not isinstance(given, bool):
        raise place.wrong("Here belongs true or false.")
    return given


def whole(least: int, most: int) -> Read:
    def read(given: object, place: Place) -> int:
        if isinstance(given, bool) or not isinstance(given, int) or not least <= given <= most:
            raise place.wrong(f"Here belongs a whole number from {least} to {most}.")
        return given

    return read


def number(given: object, place: Place) -> Decimal:
    """An amount: a JSON number, or a string of one, since a float can't hold every cent."""
    try:
        if isinstance(given, bool) or not isinstance(given, int | float | str) or len(str(given)) > 30:
            raise InvalidOperation
        found = Decimal(str(given))
        if not found.is_finite() or not 0 <= found <= HIGHEST:
            raise InvalidOperation
    except (InvalidOperation, ValueError) as error:  # ValueError: a whole number of thousands of digits
        raise place.wrong(f'Here belongs a number from 0 to {HIGHEST}, like 1000 or "99.50".') from error
    return found


def choice(among: Sequence[str]) -> Read:
    def read(given: object, place: Place) -> str:
        if not isinstance(given, str) or given not in among:
            raise place.wrong(f"Here belongs one of {', '.join(among)}.")
        return given

    return read


def several(read_one: Read, *, most: int) -> Read:
    """A list of 1 to so many, none of them twice."""

    def read(given: object, place: Place) -> tuple[Any, ...]:
        if not isinstance(given, list | tuple) or not 1 <= len(given) <= most:
            raise place.wrong(f"Here belongs a list of 1 to {most}.")
        return tuple(dict.fromkeys(read_one(one, place.item(place_)) for place_, one in enumerate(given)))

    return read


def pattern(given: object, place: Place) -> str:
    """An address in its canonical spelling, or `*@` and a whole domain."""
    is_text = isinstance(given, str) and len(given) <= 320 and given.isascii() and given.isprintable()
    if not isinstance(given, str) or not is_text or not _ADDRESS.fullmatch(given.lower()):
        raise place.wrong('Here belongs an address like "kim@friends.example", or "*@friends.example" for a domain.')
    return given.lower()


def currency(given: object, place: Place) -> str:
    if not isinstance(given, str) or not re.fullmatch("[A-Z]{3}", given):
        raise place.wrong("Here belongs a currency of ISO 4217, like EUR.")
    return given


def moment_of_day(given: object, place: Place) -> time:
    found = _CLOCK.fullmatch(given) if isinstance(given, str) else None
    if found is None:
        raise place.wrong('Here belongs a time of day, like "22:00".')
    return time(int(found[1]), int(found[2]))


def zone(given: object, place: Place) -> str:
    if not isinstance(given, str) or given not in _zones():
        raise place.wrong("Here belongs a time zone, like Europe/Berlin or UTC.")
    return given


@cache
def _zones() -> frozenset[str]:
    return frozenset(available_timezones())
