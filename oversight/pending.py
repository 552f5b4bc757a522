"""The queue as people work on it: filtered, soonest expiry or gravest risk first, one page at the cost of a page.

One source for the API and the console. One filter is read along an index of its own. What no index knows (an agent, a
tag, a word, a second filter) is looked for among the next LOOKED_THROUGH rows; the next page looks further.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from uuid import UUID

from django.db.models import Exists, OuterRef, Q, QuerySet, Value

from mailboxes.principals import Principal
from messaging.models import Direction, Recipient

from . import reviews
from .models import Review, ReviewState
from .policy.types import Risk

# What a page of a search looks through, where no index knows the answer; the next one goes on from there.
LOOKED_THROUGH = 2_000
BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
GRAVEST_FIRST = (Risk.HIGH, Risk.MEDIUM, Risk.LOW)
# Of a list by risk a cursor says in which of them it stands.
LETTERS = {risk.value[0]: risk for risk in Risk}

_At = tuple[datetime, UUID]


class Claimed(StrEnum):
    ME = "me"
    ANYBODY = "anybody"
    NOBODY = "nobody"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the queue is asked for; "" and None: no matter. `is_snoozed`: what is out of sight, instead of all else.

    `text` stands in the subject or in an address.
    """

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
    expires_before: datetime | None = None
    is_snoozed: bool = False
    text: str = ""


@dataclass(frozen=True, slots=True)
class Place:
    """The last row that was looked at: its moment of expiry and id, and its risk where that comes first."""

    moment: datetime
    id: UUID
    risk: Risk | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """Ids of reviews in their order, and where the next page begins: None at the end. A page may hold few of them, or
    none, and still have a next one: `is_cut`, it has looked through as much as one page may."""

    ids: Sequence[UUID]
    next: Place | None
    is_cut: bool = False


def matching(actor: Principal, wanted: Wanted, *, now: datetime) -> QuerySet[Review]:
    """All that waits and is wanted, soonest expiry first."""
    found = reviews.pending(actor).filter(_indexed(wanted, actor), _looked_at(wanted, actor, now))
    is_asleep = Q(snoozed_until__gt=now)
    return found.filter(is_asleep) if wanted.is_snoozed else reviews.awake(found, now=now)


def page(
    actor: Principal, wanted: Wanted, *, after: Place | None, is_by_risk: bool = False, limit: int, now: datetime
) -> Page:
    """One page of what waits and is wanted, behind `after`; by two statements at most."""
    stretches = _stretches(wanted, after, is_by_risk=is_by_risk)
    edges = _edges(actor, stretches)
    found = _places(actor, stretches, edges, limit=limit, now=now)
    ids: list[UUID] = []
    for stretch in stretches:
        places, room = found.get(stretch.number, []), limit - len(ids)
        ids += [pk for _, pk in places[:room]]
        if len(places) > room:
            last = places[room - 1] if room else (BEGINNING, UUID(int=0))
            return Page(ids, Place(*last, stretch.risk))
        if stretch.number in edges:
            return Page(ids, Place(*edges[stretch.number], stretch.risk), is_cut=True)
    return Page(ids, None)


@dataclass(frozen=True, slots=True)
class _Stretch:
    """What is read in one go along one index: all that is wanted, or what is of one risk."""

    number: int
    wanted: Wanted
    after: Place | None
    risk: Risk | None = None


def _stretches(wanted: Wanted, after: Place | None, *, is_by_risk: bool) -> list[_Stretch]:
    if not is_by_risk:
        return [_Stretch(0, wanted, after)]
    risks = [risk for risk in GRAVEST_FIRST if not wanted.risk or risk == wanted.risk]
    begun = risks.index(after.risk) if after and after.risk in risks else 0
    return [
        _Stretch(number, replace(wanted, risk=risk), after if after and after.risk == risk else None, risk)
        for number, risk in enumerate(risks[begun:])
    ]


def _edges(actor: Principal, stretches: Sequence[_Stretch]) -> dict[int, _At]:
    """Where each stretch ends that would look through more rows than one page may."""
    ends = {}
    for stretch in stretches:
        if is_search(stretch.wanted):
            through = Review.objects.filter(_indexed(_first(stretch.wanted), actor), account=actor.account)
            through = _behind(reviews.pending_order(through), stretch.after)
            ends[stretch.number] = through[LOOKED_THROUGH - 1 : LOOKED_THROUGH + 1]
    return {number: places[0] for number, places in _of_each(ends).items() if len(places) == 2}


def _places(
    actor: Principal, stretches: Sequence[_Stretch], edges: Mapping[int, _At], *, limit: int, now: datetime
) -> dict[int, list[_At]]:
    found = {}
    for stretch in stretches:
        mine = _behind(matching(actor, stretch.wanted, now=now), stretch.after)
        if stretch.number in edges:
            mine = mine.filter(_up_to(Place(*edges[stretch.number])))
        found[stretch.number] = mine[: limit + 1]
    return _of_each(found)


def _of_each(lists: Mapping[int, QuerySet[Review]]) -> dict[int, list[_At]]:
    """Moment and id of the rows of each list, by one statement."""
    named = [
        rows.annotate(number=Value(number)).values_list("number", "expires_at", "pk") for number, rows in lists.items()
    ]
    if not named:
        return {}
    found: dict[int, list[_At]] = {}
    for number, moment, pk in named[0].union(*named[1:], all=True) if len(named) > 1 else named[0]:
        found.setdefault(number, []).append((moment, pk))
    return {number: sorted(places) for number, places in found.items()}


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
    if wanted.expires_before:  # each index goes on by expiry
        found &= Q(expires_at__lte=wanted.expires_before)
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
    if wanted.text:
        found &= _says(wanted.text)
    return found & Q(opened_at__gte=wanted.opened_after) if wanted.opened_after else found


def _says(text: str) -> Q:
    named = Recipient.objects.filter(message=OuterRef("message"), address__icontains=text)
    written = Q(message__direction=Direction.INBOUND, message__from_address__icontains=text)
    return Q(message__subject__icontains=text) | Q(Exists(named)) | written


INDEXED = ("claimed", "group", "mailbox_id", "lane", "rule", "risk")


def _first(wanted: Wanted) -> Wanted:
    """Of several indexed filters the one that is walked along: the one that leaves the fewest, as a rule."""
    name = next((name for name in INDEXED if getattr(wanted, name)), None)
    first = Wanted(**{name: getattr(wanted, name)}) if name else Wanted()
    return replace(first, expires_before=wanted.expires_before)


def is_search(wanted: Wanted) -> bool:
    """Whether rows must be looked at to know which are meant."""
    looked_at = (wanted.agent_id, wanted.tag, wanted.direction, wanted.opened_before, wanted.opened_after, wanted.text)
    has_several = sum(bool(getattr(wanted, name)) for name in INDEXED) > 1
    return any(looked_at) or has_several or bool(wanted.claimed) or wanted.is_snoozed
