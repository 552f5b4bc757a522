"""The kinds of conditions: what each is given, and which facts it can't do without."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from . import looks, words
from .looks import Asked, Look
from .reading import (
    Field,
    Place,
    choice,
    currency,
    moment_of_day,
    number,
    optional,
    pattern,
    several,
    text,
    whole,
    zone,
)
from .types import LINK_PROBLEMS, SECRET_KINDS, Facts, Provenance

MOST_ADDRESSES, MOST_WORDS, MOST_TYPES = 1000, 200, 50


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of condition. `needs` are Facts it can't do without, `needs_by_field` those that a member wants.

    `turns_itself`: `isNot` is asked of each recipient or file, not of all together. `is_of_text`: what it looks for may
    stand where a text was cut off.
    """

    name: str
    look: Callable[[Facts, Asked], Look]
    needs: tuple[str, ...] = ()
    fields: Mapping[str, Field] = field(default_factory=dict)
    needs_one_of: tuple[str, ...] = ()
    turns_itself: bool = False
    is_of_text: bool = False
    needs_by_field: Mapping[str, str] = field(default_factory=dict)

    def needs_of(self, given: Mapping[str, Any]) -> tuple[str, ...]:
        asked = (fact for name, fact in self.needs_by_field.items() if given.get(name) is not None)
        return (*self.needs, *asked)


def _word(given: object, place: Place) -> str:
    found: str = text(100)(given, place)
    if not words.plain(found).strip():
        raise place.wrong("Here belongs a word.")
    return found


def _file_type(given: object, place: Place) -> str:
    found: str = text(100)(given, place)
    return found.lower().removeprefix(".")


_COUNT = whole(0, 1_000_000)
_SIZE = whole(0, 10**10)
_OVER = {"over": Field(_COUNT)}

KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind(
            "recipient_list",
            looks.recipient_list,
            fields={"addresses": Field(several(pattern, most=MOST_ADDRESSES))},
            turns_itself=True,
        ),
        Kind("first_contact", looks.first_contact, ("first_contacts",)),
        Kind("new_recipients_per_hour", looks.new_recipients, ("new_recipients_hour",), _OVER),
        Kind("outside_thread", looks.outside_thread, ("outside_thread",)),
        Kind("redirected_reply", looks.redirected_reply, ("redirected",)),
        Kind("parent_unproven", looks.parent_unproven, ("is_parent_authenticated",)),
        Kind(
            "volume",
            looks.volume,
            fields={"perHour": optional(_COUNT), "perDay": optional(_COUNT)},
            needs_one_of=("perHour", "perDay"),
            needs_by_field={"perHour": "recipients_hour", "perDay": "recipients_day"},
        ),
        Kind(
            "amount",
            looks.amount,
            ("amounts",),
            {"over": Field(number), "currency": optional(currency)},
            is_of_text=True,
        ),
        Kind(
            "words",
            looks.words,
            ("text",),
            {
                "list": optional(choice(list(words.LISTS))),
                "words": optional(several(_word, most=MOST_WORDS)),
            },
            needs_one_of=("list", "words"),
            is_of_text=True,
        ),
        Kind(
            "attachments",
            looks.attachments,
            fields={
                "types": optional(several(_file_type, most=MOST_TYPES)),
                "over": optional(_COUNT),
                "sizeOver": optional(_SIZE),
            },
            turns_itself=True,
        ),
        Kind(
            "links",
            looks.links,
            ("links",),
            {"problems": optional(several(choice(LINK_PROBLEMS), most=len(LINK_PROBLEMS)))},
            is_of_text=True,
        ),
        Kind(
            "secrets",
            looks.secrets,
            ("secrets",),
            {"kinds": optional(several(choice(SECRET_KINDS), most=len(SECRET_KINDS)))},
            is_of_text=True,
        ),
        Kind("duplicate", looks.duplicate, ("duplicate_of",)),
        Kind(
            "quiet_hours",
            looks.quiet_hours,
            ("asked_at",),
            {"from": Field(moment_of_day), "to": Field(moment_of_day), "zone": Field(zone)},
        ),
        Kind(
            "provenance", looks.provenance, fields={"of": Field(several(choice([*Provenance]), most=len(Provenance)))}
        ),
        Kind("reply", looks.reply),
        Kind("answers_elsewhere", looks.answers_elsewhere),
        Kind("recipients", looks.recipients, fields=_OVER),
        Kind("always", looks.always),
    )
}
