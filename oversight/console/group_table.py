"""A similar group as its page shows it: what all say, once, and where they differ, mail by mail."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from mailboxes.principals import Principal
from oversight import opening, reviews
from oversight.groups import Group, Member
from oversight.models import Review
from oversight.policy import likeness
from oversight.policy.likeness import Part

TEXT_SHOWN = 5_000
NAMES = {"name": "Name", "number": "Number", "address": "Address"}


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of the template. `label` tells a blank by the heading of its column; one that all fill alike has none."""

    text: str
    label: str = ""


@dataclass(frozen=True, slots=True)
class Line:
    """One mail of the group. `values` stand under the columns, each with its heading."""

    id: UUID
    version: int
    recipients: tuple[str, ...]
    values: list[tuple[str, str]]
    expires_at: datetime
    differs: str
    left_out: str
    is_opened: bool
    is_sample: bool
    is_chosen: bool


@dataclass(frozen=True, slots=True)
class Table:
    """Context variable `table`. `left` have left the group, each with why; `columns` are what differs."""

    subject: list[Piece]
    text: list[Piece]
    columns: list[str]
    lines: list[Line]
    left: list[Line]
    reason_text: str
    sender: str


def of(actor: Principal, group: Group, *, out: Collection[UUID], most: int) -> Table:
    """The group's first `most` mails that can be approved together, those that differ on top; unticked: `out`."""
    first = _first(actor, group)
    letter = opening.letter_of(first.message, reason_code=first.reason_code)
    subject, text = likeness.outline(letter)
    kinds = {part.blank: part.text for part in [*subject, *text] if part.blank is not None}
    columns = _columns(group.members)
    firsts = enumerate(sorted(set(columns.values())), 1)
    labels = {place: f"{NAMES.get(kinds.get(place, ''), 'Value')} {number}" for number, place in firsts}
    told = {place: labels[first] for place, first in columns.items()}
    own = next(member.values for member in group.members if member.id == first.pk)
    lines = [_line(member, group, labels, out) for member in group.members]
    return Table(
        subject=_pieces(subject, told, own),
        text=_cut(_pieces(text, told, own)),
        columns=list(labels.values()),
        lines=[line for line in lines if not line.left_out][:most],
        left=[line for line in lines if line.left_out][:most],
        reason_text=first.reason_text,
        sender=first.message.agent.name if first.message.agent else first.mailbox.full_address,
    )


def _first(actor: Principal, group: Group) -> Review:
    """The mail that the template is taken from: one of those that can be approved, if there are such."""
    return reviews.get(actor, next(iter(group.approvable), group.members[0]).id)


def _columns(members: Sequence[Member]) -> dict[int, int]:
    """The blanks that are not filled alike, each with the first that always says the same (as HTML does what text
    says)."""
    firsts: dict[tuple[str, ...], int] = {}
    columns = {}
    for place in range(max((len(member.values) for member in members), default=0)):
        values = tuple(_value(member, place) for member in members)
        if len(set(values)) > 1:
            columns[place] = firsts.setdefault(values, place)
    return columns


def _value(member: Member, place: int) -> str:
    return member.values[place] if place < len(member.values) else ""


def _line(member: Member, group: Group, labels: dict[int, str], out: Collection[UUID]) -> Line:
    return Line(
        id=member.id,
        version=member.version,
        recipients=member.recipients,
        values=[(label, _value(member, place)) for place, label in labels.items()],
        expires_at=member.expires_at,
        differs=member.differs,
        left_out=member.left_out,
        is_opened=member.is_opened,
        is_sample=member.id in group.samples,
        is_chosen=member.id not in out,
    )


def _pieces(parts: Sequence[Part], labels: dict[int, str], own: Sequence[str]) -> list[Piece]:
    """Blanks that differ under their column's name, the others as all have them."""
    shown = []
    for part in parts:
        if part.blank is None:
            shown.append(Piece(part.text))
        else:
            value = own[part.blank] if part.blank < len(own) else ""
            shown.append(Piece(value, labels.get(part.blank, "")))
    return shown


def _cut(pieces: Sequence[Piece]) -> list[Piece]:
    """As much as one reads at a glance: each mail shows all of it."""
    room, shown = TEXT_SHOWN, []
    for piece in pieces:
        if room > 0:
            shown.append(Piece(piece.text[:room], piece.label))
            room -= len(piece.text)
    return shown
