"""Similar groups: held mails of one agent, mailbox and reason that say the same but for numbers and names.

Who leaves a group, so that nobody approves it unread: mail of high risk, mail for which several people are asked, and
mail whose recipients could pass for those of the others. See `policy.likeness` for what counts as the same.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any
from uuid import UUID

from django.db.models import Count, Min

from mailboxes.errors import NotFound
from mailboxes.principals import Principal

from . import deciders, reviews, viewings
from .models import Review
from .policy import likeness
from .policy.types import Risk

ID = re.compile("[0-9a-f]{32}")
# Of a larger group those that expire first are looked at; the others follow when these are decided.
MOST_MEMBERS = 2_000


@dataclass(frozen=True, slots=True)
class Member:
    """One review of a group. `differs`: why it must be read, "" for one like the others. `left_out`: why it can't be
    approved with them, "" for one that can."""

    id: UUID
    version: int
    risk: str
    expires_at: datetime
    recipients: tuple[str, ...]
    values: tuple[str, ...]
    differs: str = ""
    left_out: str = ""
    is_opened: bool = False


@dataclass(frozen=True, slots=True)
class Group:
    """`members` are those that a sample must hold first, then by expiry. `samples` are for this person to read."""

    id: str
    size: int
    members: tuple[Member, ...]
    samples: tuple[UUID, ...]

    @property
    def approvable(self) -> list[Member]:
        return [member for member in self.members if not member.left_out]

    @property
    def samples_needed(self) -> int:
        return likeness.samples_needed(len(self.approvable))


def listed(actor: Principal, *, limit: int, now: datetime) -> list[dict[str, Any]]:
    """The largest groups of two and more that wait, each with its soonest expiry and its first review."""
    deciders.check(actor)
    waiting = reviews.pending(actor, now=now).exclude(fingerprint="").filter(expires_at__gt=now)
    sizes = waiting.order_by().values("fingerprint").annotate(size=Count("pk"), soonest=Min("expires_at"))
    found = list(sizes.filter(size__gt=1).order_by("-size", "fingerprint")[:limit])
    firsts = waiting.filter(fingerprint__in=[one["fingerprint"] for one in found])
    ids = firsts.order_by("fingerprint", "expires_at", "id").distinct("fingerprint").values("pk")
    shown = Review.objects.filter(pk__in=ids).select_related("message", "message__agent", "mailbox")
    first = {review.fingerprint: review for review in shown.defer("message__body_text", "message__body_html")}
    return [{**one, "first": first[one["fingerprint"]]} for one in found if one["fingerprint"] in first]


def get(actor: Principal, group_id: str, *, now: datetime) -> Group:
    """One group as it waits at this moment. Raises NotFound where nothing of it waits, or not for this principal.

    Agents know of no group: what differs is not told to those who write it.
    """
    if actor.member is None:
        raise NotFound("group")
    deciders.check(actor)
    waiting = reviews.pending(actor, now=now).filter(fingerprint=group_id, expires_at__gt=now)
    rows = _rows(waiting) if ID.fullmatch(group_id) else []
    if not rows:
        raise NotFound("group")
    size = len(rows) if len(rows) < MOST_MEMBERS else waiting.count()
    blanks = {row["pk"]: row["blanks"] or () for row in rows}
    recipients = {row["pk"]: _recipients(row) for row in rows}
    left_out = {row["pk"]: why for row in rows if (why := why_alone(row["risk"], row["people_needed"]))}
    left_out = likeness.look_alikes(recipients) | left_out
    differs = likeness.outliers(blanks, recipients)
    opened = viewings.opened(actor, recipients)
    members = [
        Member(
            id=row["pk"],
            version=row["version"],
            risk=row["risk"],
            expires_at=row["expires_at"],
            recipients=recipients[row["pk"]],
            values=tuple(blanks[row["pk"]]),
            differs=differs.get(row["pk"], ""),
            left_out=left_out.get(row["pk"], ""),
            is_opened=row["pk"] in opened,
        )
        for row in rows
    ]
    members.sort(key=lambda one: (not one.left_out, not one.differs, one.expires_at, one.id))
    return Group(group_id, size, tuple(members), _samples(actor, members))


def why_alone(risk: str, people_needed: int) -> str:
    """Why a review of this risk, for which so many people are asked, is decided by itself; "" for one that need not."""
    if risk == Risk.HIGH:
        return "It is of high risk."
    return f"It needs {people_needed} people, who each read it." if people_needed > 1 else ""


def _rows(waiting: Any) -> Sequence[Mapping[str, Any]]:
    columns = ("pk", "version", "risk", "people_needed", "expires_at", "blanks")
    addressed = ("message__to_addresses", "message__cc_addresses", "message__bcc_addresses")
    return list(waiting.values(*columns, *addressed)[:MOST_MEMBERS])


def _recipients(row: Mapping[str, Any]) -> tuple[str, ...]:
    return (*row["message__to_addresses"], *row["message__cc_addresses"], *row["message__bcc_addresses"])


def _samples(actor: Principal, members: Sequence[Member]) -> tuple[UUID, ...]:
    """Whoever differs, and as many others as are needed, picked so that no agent can tell which: by person and id."""
    approvable = [member for member in members if not member.left_out]
    by_lot = sorted(approvable, key=lambda one: (not one.differs, _lot(actor, one.id)))
    needed = likeness.samples_needed(len(approvable))
    differing = sum(bool(one.differs) for one in approvable)
    return tuple(one.id for one in by_lot[: max(needed, differing)])


def _lot(actor: Principal, review_id: UUID) -> str:
    return sha256(f"{actor.identity}{review_id}".encode()).hexdigest()
