"""Looking at the facts of a message: for each kind of condition one function.

A rule that lets pass (`for_every`) asks whether all recipients or files are as it says, one that stops whether any is:
so neither is got round by one more address in bcc. `isNot` turns what is asked of each of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from messaging.mime.addresses import key_of_canonical

from . import words as wordlists
from .types import Facts, File

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


def recipient_list(facts: Facts, asked: Asked) -> Look:
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


def first_contact(facts: Facts, asked: Asked) -> Look:
    return Look(bool(facts.first_contacts), _few(facts.first_contacts or ()))


def new_recipients(facts: Facts, asked: Asked) -> Look:
    return _over(facts.new_recipients_hour or 0, asked["over"], "new recipients within the hour")


def outside_thread(facts: Facts, asked: Asked) -> Look:
    return Look(bool(facts.outside_thread), _few(facts.outside_thread or ()))


def redirected_reply(facts: Facts, asked: Asked) -> Look:
    return Look(bool(facts.redirected), _few(facts.redirected or ()))


def parent_unproven(facts: Facts, asked: Asked) -> Look:
    return Look(facts.is_parent_authenticated is False)


def volume(facts: Facts, asked: Asked) -> Look:
    limits = [
        (facts.recipients_hour, asked["perHour"], "recipients within the hour"),
        (facts.recipients_day, asked["perDay"], "recipients within the day"),
    ]
    looks = [_over(count or 0, most, what) for count, most, what in limits if most is not None]
    return Look(any(look.is_met for look in looks), "; ".join(look.found for look in looks))


def amount(facts: Facts, asked: Asked) -> Look:
    wanted, high = asked["currency"], [one for one in facts.amounts or () if one.value > asked["over"]]
    # A bare sign may be of any currency: it counts as the one that is asked for.
    hits = [one.text for one in high if wanted is None or one.currency in ("", wanted)]
    return Look(bool(hits), _few(hits))


def words(facts: Facts, asked: Asked) -> Look:
    listed = wordlists.LISTS.get(asked["list"] or "", ()) + tuple(asked["words"] or ())
    hits = wordlists.find(facts.text or "", listed)
    return Look(bool(hits), _few(hits))


def attachments(facts: Facts, asked: Asked) -> Look:
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


def links(facts: Facts, asked: Asked) -> Look:
    wanted = asked["problems"]
    hits = [link.host for link in facts.links or () if wanted is None or set(wanted) & set(link.problems)]
    return Look(bool(hits), _few(hits))


def secrets(facts: Facts, asked: Asked) -> Look:
    wanted = asked["kinds"]
    hits = [f"{one.kind} in {one.where}" for one in facts.secrets or () if wanted is None or one.kind in wanted]
    return Look(bool(hits), _few(hits))


def duplicate(facts: Facts, asked: Asked) -> Look:
    return Look(bool(facts.duplicate_of), facts.duplicate_of or "")


def quiet_hours(facts: Facts, asked: Asked) -> Look:
    assert facts.asked_at is not None  # it is among the needs
    local = facts.asked_at.astimezone(ZoneInfo(asked["zone"])).time().replace(tzinfo=None)
    begins, ends = asked["from"], asked["to"]
    is_quiet = begins <= local < ends if begins <= ends else local >= begins or local < ends
    return Look(is_quiet, f"{local:%H:%M} {asked['zone']}")


def provenance(facts: Facts, asked: Asked) -> Look:
    return Look(facts.provenance.value in asked["of"], facts.provenance.value)


def reply(facts: Facts, asked: Asked) -> Look:
    return Look(facts.is_reply)


def answers_elsewhere(facts: Facts, asked: Asked) -> Look:
    return Look(bool(facts.reply_to), facts.reply_to)


def recipients(facts: Facts, asked: Asked) -> Look:
    return _over(len(facts.recipients), asked["over"], "recipients")


def always(facts: Facts, asked: Asked) -> Look:
    return Look(True)


def _over(count: int, most: int, what: str) -> Look:
    return Look(count > most, f"{count} {what}, over {most} asked")


def _few(found: tuple[str, ...] | list[str]) -> str:
    more = f" and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
    return ", ".join(found[:SHOWN]) + more
