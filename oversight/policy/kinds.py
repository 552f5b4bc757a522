"""The kinds of conditions: what each is given, which facts it can't do without, and when it is met.

A rule that lets pass (`for_every`) asks whether all recipients or files are as it says, one that stops whether any is:
so neither is got round by one more address in bcc. `isNot` turns what is asked of each of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from zoneinfo import ZoneInfo

from messaging.mime.addresses import key_of_canonical

from . import words
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
from .types import LINK_PROBLEMS, SECRET_KINDS, Facts, File, Provenance

MOST_ADDRESSES, MOST_WORDS, MOST_TYPES = 1000, 200, 50
SHOWN = 5  # of what was found, so many are told


@dataclass(frozen=True, slots=True)
class Look:
    """Whether a condition is met, None where that could not be seen, and what was found: for people."""

    is_met: bool | None
    found: str = ""


@dataclass(frozen=True, slots=True)
class Asked:
    """What a look is about: `is_not` is heeded by those kinds that ask it of each recipient or file."""

    given: Mapping[str, Any]
    is_not: bool
    for_every: bool

    def __getitem__(self, name: str) -> Any:
        return self.given[name]

    def of_each(self, hits: list[bool]) -> bool:
        turned = [hit != self.is_not for hit in hits]
        return bool(turned) and (all(turned) if self.for_every else any(turned))


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of condition. `needs` are the Facts it can't do without, `needs_by_field` those that a member wants.

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


def _recipient_list(facts: Facts, asked: Asked) -> Look:
    listed = frozenset(asked["addresses"])
    # Who stops an address stops it in every spelling; who lets one pass means this one.
    hits = [_is_listed(address, listed, in_any_spelling=not asked.for_every) for address in facts.recipients]
    told = [address for address, hit in zip(facts.recipients, hits, strict=True) if hit != asked.is_not]
    return Look(asked.of_each(hits), _few(told))


def _is_listed(address: str, listed: frozenset[str], *, in_any_spelling: bool) -> bool:
    domain = address.rpartition("@")[2]
    if address in listed or f"*@{domain}" in listed:
        return True
    return in_any_spelling and key_of_canonical(address) in listed


def _first_contact(facts: Facts, asked: Asked) -> Look:
    return Look(bool(facts.first_contacts), _few(facts.first_contacts or ()))


def _new_recipients(facts: Facts, asked: Asked) -> Look:
    return _over(facts.new_recipients_hour or 0, asked["over"], "new recipients within the hour")


def _outside_thread(facts: Facts, asked: Asked) -> Look:
    return Look(bool(facts.outside_thread), _few(facts.outside_thread or ()))


def _redirected_reply(facts: Facts, asked: Asked) -> Look:
    return Look(bool(facts.redirected), _few(facts.redirected or ()))


def _parent_unproven(facts: Facts, asked: Asked) -> Look:
    return Look(facts.is_parent_authenticated is False)


def _volume(facts: Facts, asked: Asked) -> Look:
    limits = [
        (facts.recipients_hour, asked["perHour"], "recipients within the hour"),
        (facts.recipients_day, asked["perDay"], "recipients within the day"),
    ]
    looks = [_over(count or 0, most, what) for count, most, what in limits if most is not None]
    return Look(any(look.is_met for look in looks), "; ".join(look.found for look in looks))


def _amount(facts: Facts, asked: Asked) -> Look:
    wanted, high = asked["currency"], [one for one in facts.amounts or () if one.value > asked["over"]]
    # A bare sign may be of any currency: it counts as the one that is asked for.
    hits = [one.text for one in high if wanted is None or one.currency in ("", wanted)]
    return Look(bool(hits), _few(hits))


def _words(facts: Facts, asked: Asked) -> Look:
    listed = words.LISTS.get(asked["list"] or "", ()) + tuple(asked["words"] or ())
    hits = words.find(facts.text or "", listed)
    return Look(bool(hits), _few(hits))


def _attachments(facts: Facts, asked: Asked) -> Look:
    files, types = facts.files, asked["types"]
    size = sum(file.size_bytes for file in files)
    found = f"{len(files)} files, {size} bytes"
    if asked["over"] is not None and len(files) <= asked["over"]:
        return Look(False, found)
    if asked["sizeOver"] is not None and size <= asked["sizeOver"]:
        return Look(False, found)
    if types is None:
        return Look(bool(files) != asked.is_not, found)
    hits = [_is_of_type(file, types) for file in files]
    return Look(asked.of_each(hits), f"{found}: {_few([file.name for file in files])}")


def _is_of_type(file: File, types: tuple[str, ...]) -> bool:
    kind, name = file.content_type.partition(";")[0].strip().lower(), file.name.lower()
    family = kind.partition("/")[0] + "/*"
    return any(one in (kind, family) or ("/" not in one and name.endswith(f".{one}")) for one in types)


def _links(facts: Facts, asked: Asked) -> Look:
    wanted = asked["problems"]
    hits = [link.host for link in facts.links or () if wanted is None or set(wanted) & set(link.problems)]
    return Look(bool(hits), _few(hits))


def _secrets(facts: Facts, asked: Asked) -> Look:
    wanted = asked["kinds"]
    hits = [f"{one.kind} in {one.where}" for one in facts.secrets or () if wanted is None or one.kind in wanted]
    return Look(bool(hits), _few(hits))


def _duplicate(facts: Facts, asked: Asked) -> Look:
    return Look(bool(facts.duplicate_of), facts.duplicate_of or "")


def _quiet_hours(facts: Facts, asked: Asked) -> Look:
    assert facts.asked_at is not None  # it is among the needs
    local = facts.asked_at.astimezone(ZoneInfo(asked["zone"])).time().replace(tzinfo=None)
    begins, ends = asked["from"], asked["to"]
    is_quiet = begins <= local < ends if begins <= ends else local >= begins or local < ends
    return Look(is_quiet, f"{local:%H:%M} {asked['zone']}")


def _provenance(facts: Facts, asked: Asked) -> Look:
    return Look(facts.provenance.value in asked["of"], facts.provenance.value)


def _reply(facts: Facts, asked: Asked) -> Look:
    return Look(facts.is_reply)


def _answers_elsewhere(facts: Facts, asked: Asked) -> Look:
    return Look(bool(facts.reply_to), facts.reply_to)


def _recipients(facts: Facts, asked: Asked) -> Look:
    return _over(len(facts.recipients), asked["over"], "recipients")


def _always(facts: Facts, asked: Asked) -> Look:
    return Look(True)


def _over(count: int, most: int, what: str) -> Look:
    return Look(count > most, f"{count} {what}, over {most} asked")


def _few(found: tuple[str, ...] | list[str]) -> str:
    more = f" and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
    return ", ".join(found[:SHOWN]) + more


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
            _recipient_list,
            fields={"addresses": Field(several(pattern, most=MOST_ADDRESSES))},
            turns_itself=True,
        ),
        Kind("first_contact", _first_contact, ("first_contacts",)),
        Kind("new_recipients_per_hour", _new_recipients, ("new_recipients_hour",), _OVER),
        Kind("outside_thread", _outside_thread, ("outside_thread",)),
        Kind("redirected_reply", _redirected_reply, ("redirected",)),
        Kind("parent_unproven", _parent_unproven, ("is_parent_authenticated",)),
        Kind(
            "volume",
            _volume,
            fields={"perHour": optional(_COUNT), "perDay": optional(_COUNT)},
            needs_one_of=("perHour", "perDay"),
            needs_by_field={"perHour": "recipients_hour", "perDay": "recipients_day"},
        ),
        Kind(
            "amount",
            _amount,
            ("amounts",),
            {"over": Field(number), "currency": optional(currency)},
            is_of_text=True,
        ),
        Kind(
            "words",
            _words,
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
            _attachments,
            fields={
                "types": optional(several(_file_type, most=MOST_TYPES)),
                "over": optional(_COUNT),
                "sizeOver": optional(_SIZE),
            },
            turns_itself=True,
        ),
        Kind(
            "links",
            _links,
            ("links",),
            {"problems": optional(several(choice(LINK_PROBLEMS), most=len(LINK_PROBLEMS)))},
            is_of_text=True,
        ),
        Kind(
            "secrets",
            _secrets,
            ("secrets",),
            {"kinds": optional(several(choice(SECRET_KINDS), most=len(SECRET_KINDS)))},
            is_of_text=True,
        ),
        Kind("duplicate", _duplicate, ("duplicate_of",)),
        Kind(
            "quiet_hours",
            _quiet_hours,
            ("asked_at",),
            {"from": Field(moment_of_day), "to": Field(moment_of_day), "zone": Field(zone)},
        ),
        Kind("provenance", _provenance, fields={"of": Field(several(choice([*Provenance]), most=len(Provenance)))}),
        Kind("reply", _reply),
        Kind("answers_elsewhere", _answers_elsewhere),
        Kind("recipients", _recipients, fields=_OVER),
        Kind("always", _always),
    )
}
