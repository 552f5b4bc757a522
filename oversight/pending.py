"""The queue as people work on it: filtered, soonest expiry or gravest risk first, one page at the cost of a page.

One filter is read along an index of its own. What no index knows (an agent, a tag, a second filter) is looked for among
the next LOOKED_THROUGH rows; the next page looks further.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from uuid import UUID

from django.db.models import Q, QuerySet

from mailboxes.principals import Principal

from . import reviews
from .models import Review, ReviewState
from .policy.types import Risk

LOOKED_THROUGH = 2_000
BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
GRAVEST_FIRST = (Risk.HIGH, Risk.MEDIUM, Risk.LOW)


class Claimed(StrEnum):
    ME = "me"
    ANYBODY = "anybody"
    NOBODY = "nobody"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the queue is asked for; "" and None: no matter. `is_snoozed`: what is out of sight, instead of all else."""

    mailbox_id: UUID | None = None
    agent_id: UUID | None = None
    group: str = ""
    tag: str = ""
    lane: str = ""
    risk: str = ""
    rule: str = ""
    claimed: str = ""
    direction: str = ""
    opened_before: datetime | None = None
    opened_after: datetime | None = None
    is_snoozed: bool = False


@dataclass(frozen=True, slots=True)
class Place:
    """The last row that was looked at: its moment of expiry and id, and its risk where that comes first."""

    moment: datetime
    id: UUID
    risk: Risk | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """Ids of reviews in their order, and where the next page begins: None at the end. A page may hold few of them, or
    none, and still have a next one."""

    ids: Sequence[UUID]
    next: Place | None


def matching(actor: Principal, wanted: Wanted, *, now: datetime) -> QuerySet[Review]:
    """All that waits and is wanted, soonest expiry first."""
    found = reviews.pending(actor).filter(_indexed(wanted, actor), _looked_at(wanted, actor, now))
    is_asleep = Q(snoozed_until__gt=now)
    return found.filter(is_asleep) if wanted.is_snoozed else reviews.awake(found, now=now)


def page(
    actor: Principal, wanted: Wanted, *, after: Place | None, is_by_risk: bool = False, limit: int, now: datetime
) -> Page:
    """One page of what waits and is wanted, behind `after`."""
    if not is_by_risk:
        return _stretch(actor, wanted, after=after, limit=limit, now=now)
    ids: list[UUID] = []
    risks = [risk for risk in GRAVEST_FIRST if not wanted.risk or risk == wanted.risk]
    begun = risks.index(after.risk) if after and after.risk in risks else 0
    for risk in risks[begun:]:
        behind = after if after and after.risk == risk else None
        part = _stretch(actor, replace(wanted, risk=risk), after=behind, limit=limit - len(ids), now=now)
        ids += part.ids
        if part.next is not None:
            return Page(ids, replace(part.next, risk=risk))
        if len(ids) == limit and risk != risks[-1]:
            following = risks[risks.index(risk) + 1]
            return Page(ids, Place(BEGINNING, UUID(int=0), following))
    return Page(ids, None)


def _stretch(actor: Principal, wanted: Wanted, *, after: Place | None, limit: int, now: datetime) -> Page:
    found = matching(actor, wanted, now=now)
    edge: Place | None = None
    if _is_search(wanted):
        through = reviews.pending_order(Review.objects.filter(_indexed(_first(wanted), actor), account=actor.account))
        through = _behind(through, after)
        last = list(through.values_list("expires_at", "pk")[LOOKED_THROUGH - 1 : LOOKED_THROUGH + 1])
        if len(last) == 2:
            edge = Place(*last[0])
            found = found.filter(_up_to(edge))
    places = list(_behind(found, after).values_list("expires_at", "pk")[: limit + 1])
    ids = [pk for _, pk in places[:limit]]
    return Page(ids, Place(*places[limit - 1]) if len(places) > limit else edge)


def _behind(found: QuerySet[Review], place: Place | None) -> QuerySet[Review]:
    if place is None:
        return found
    # Said twice: the first condition is the one that an index can use.
    later = Q(expires_at__gt=place.moment) | Q(pk__gt=place.id)
    return found.filter(Q(expires_at__gte=place.moment) & later)


def _up_to(place: Place) -> Q:
    return Q(expires_at__lte=place.moment) & (Q(expires_at__lt=place.moment) | Q(pk__lte=place.id))


def _indexed(wanted: Wanted, actor: Principal) -> Q:
    """The filters that have an index each."""
    columns = {
        "mailbox_id": wanted.mailbox_id,
        "risk": wanted.risk,
        "reason_code": wanted.rule,
        "lane": wanted.lane,
        "fingerprint": wanted.group,
    }
    found = Q(**{name: value for name, value in columns.items() if value})
    if wanted.claimed == Claimed.ME:
        found &= Q(claimed_by=actor.member) if actor.member else Q(pk__in=[])
    return found & Q(claimed_by__isnull=False) if wanted.claimed == Claimed.ANYBODY else found


def _looked_at(wanted: Wanted, actor: Principal, now: datetime) -> Q:
    """The filters for which each row must be looked at."""
    found = Q(state=ReviewState.OPEN)
    if wanted.claimed in (Claimed.ME, Claimed.ANYBODY):
        found &= Q(claimed_until__gt=now)
    elif wanted.claimed == Claimed.NOBODY:
        found &= Q(claimed_until__isnull=True) | Q(claimed_until__lte=now)
    if wanted.agent_id:
        found &= Q(message__agent=wanted.agent_id)
    if wanted.tag:
        found &= Q(message__tags__contains=[wanted.tag])
    if wanted.direction:
        found &= Q(message__direction=wanted.direction)
    if wanted.opened_before:
        found &= Q(opened_at__lt=wanted.opened_before)
    return found & Q(opened_at__gte=wanted.opened_after) if wanted.opened_after else found


INDEXED = ("claimed", "group", "mailbox_id", "lane", "rule", "risk")


def _first(wanted: Wanted) -> Wanted:
    """Of several indexed filters the one that is walked along: the one that leaves the fewest, as a rule."""
    name = next((name for name in INDEXED if getattr(wanted, name)), None)
    return Wanted(**{name: getattr(wanted, name)}) if name else Wanted()


def _is_search(wanted: Wanted) -> bool:
    """Whether rows must be looked at to know which are meant."""
    looked_at = (wanted.agent_id, wanted.tag, wanted.direction, wanted.opened_before, wanted.opened_after)
    has_several = sum(bool(getattr(wanted, name)) for name in INDEXED) > 1
    return any(looked_at) or has_several or bool(wanted.claimed) or wanted.is_snoozed
