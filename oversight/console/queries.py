"""What the queue asks the database: rows, filters, neighbours. Twelve queries a page, whatever waits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import CharField, Exists, OuterRef, Q, QuerySet, Value
from django.http import QueryDict

from mailboxes.ids import parse_id
from mailboxes.models import Mailbox
from mailboxes.principals import Principal
from messaging.models import Direction, Recipient
from oversight import claims, reviews
from oversight.counting import Counted, count
from oversight.models import Review
from oversight.pending import Claimed

from . import correspondents
from .cards import Person, Row
from .visit import Visit

SOON = timedelta(hours=1)
MOST_CHOICES = 200


@dataclass(frozen=True, slots=True)
class Filters:
    """What a queue's URL asks for; a malformed value matches nothing, so that no filter is silently dropped."""

    mailbox: str = ""
    agent: str = ""
    is_expiring: bool = False
    text: str = ""
    risk: str = ""
    lane: str = ""
    rule: str = ""
    claimed: str = ""
    is_snoozed: bool = False

    @classmethod
    def read(cls, query: QueryDict) -> Filters:
        return cls(
            mailbox=query.get("mailbox", ""),
            agent=query.get("agent", ""),
            is_expiring=query.get("expires") == "hour",
            text=_words(query, "q"),
            risk=_words(query, "risk"),
            lane=_words(query, "lane"),
            rule=_words(query, "rule"),
            claimed=_words(query, "claimed"),
            is_snoozed=query.get("snoozed") == "true",
        )

    def __bool__(self) -> bool:
        return self != Filters()

    @property
    def is_search(self) -> bool:
        """Whether rows must be looked at to know which are meant."""
        has_several = sum(map(bool, (self.mailbox, self.risk, self.lane, self.rule))) > 1
        return bool(self.agent or self.text or self.claimed or self.is_snoozed or has_several)


def waiting(visit: Visit, filters: Filters) -> QuerySet[Review]:
    """The open reviews that the filters leave, soonest expiry first."""
    found = reviews.pending(visit.actor).filter(_indexed(visit, filters))
    is_asleep = Q(snoozed_until__gt=visit.now)
    found = found.filter(is_asleep) if filters.is_snoozed else reviews.awake(found, now=visit.now)
    if filters.claimed:
        found = found.filter(_claimed(visit, filters.claimed))
    if filters.agent:
        found = found.filter(message__agent__in=_ids(filters.agent))
    if filters.text:
        named = Recipient.objects.filter(message=OuterRef("message"), address__icontains=filters.text)
        written = Q(message__direction=Direction.INBOUND, message__from_address__icontains=filters.text)
        found = found.filter(Q(message__subject__icontains=filters.text) | Exists(named) | written)
    return found


def looked_through(visit: Visit, filters: Filters) -> QuerySet[Review]:
    """The open reviews as an index has them: those that a search looks through."""
    return reviews.pending_order(Review.objects.filter(_indexed(visit, filters), account=visit.actor.account))


def rows(found: Sequence[Review], *, actor: Principal, now: datetime | None = None) -> list[Row]:
    """The reviews as rows, with whether each first recipient ever took a mail or wrote one."""
    known = correspondents.known(actor, sorted({_first(review) for review in found}))
    return [row(review, is_first_contact=_first(review) not in known, now=now) for review in found]


def _looking(review: Review, now: datetime) -> str:
    member = claims.holder(review, now=now)
    return (member.user.name or member.user.email) if member else ""


def row(
    review: Review,
    *,
    is_first_contact: bool = False,
    allowed_actions: tuple[str, ...] = (),
    now: datetime | None = None,
) -> Row:
    """One review as a row; at a moment also with whoever looks at it then. Without `allowed_actions` it holds no form.

    Of received mail the row goes from its sender to the mailbox.

    Needs `message`, its agent, `mailbox`, and with `now` who has claimed it.
    """
    message = review.message
    if message.direction == Direction.INBOUND:
        addresses, sender = [review.mailbox.full_address], message.from_address or message.from_name
    else:
        addresses = [*message.to_addresses, *message.cc_addresses, *message.bcc_addresses]
        sender = message.agent.name if message.agent else review.mailbox.full_address
    return Row(
        id=review.pk,
        version=review.version,
        state=review.state,
        subject=message.subject,
        recipients=[Person(addresses[0], is_first_contact=is_first_contact)] if addresses else [Person("")],
        recipient_count=len(addresses),
        agent_name=sender,
        mailbox_address=review.mailbox.full_address,
        reason_text=review.reason_text,
        expires_at=review.expires_at,
        decided_by=review.decided_by,
        release_at=review.release_at,
        looked_at_by=_looking(review, now) if now else "",
        allowed_actions=allowed_actions,
    )


def with_mail(found: QuerySet[Review]) -> QuerySet[Review]:
    """The reviews with all that a row shows, bodies left out."""
    return found.select_related("message", "message__agent", "mailbox", "claimed_by__user").defer(
        "message__body_text", "message__body_html"
    )


def expiring_count(visit: Visit) -> int:
    """How many reviews expire within the hour."""
    return count(reviews.pending(visit.actor, now=visit.now).filter(expires_at__lte=visit.now + SOON))


def choices(actor: Principal) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """Mailboxes and agents that one can filter by: (id, name) pairs."""
    boxes = list(
        Mailbox.objects.filter(pk__in=actor.mailboxes().values("pk"))
        .select_related("agent")
        .order_by("full_address")[:MOST_CHOICES]
    )
    agents = {str(box.agent.pk): box.agent.name for box in boxes if box.agent}
    return [(str(box.pk), box.full_address) for box in boxes], sorted(agents.items(), key=lambda pair: pair[1])


@dataclass(frozen=True, slots=True)
class Neighbour:
    """Another waiting review, for a link; `place` is where it stands in the queue, 0 when nobody asked."""

    id: UUID
    subject: str
    place: int = 0


@dataclass(frozen=True, slots=True)
class Neighbours:
    """Where a waiting review stands in the queue."""

    position: int
    previous: Neighbour | None
    next: Neighbour | None


def neighbours(visit: Visit, review: Review) -> Neighbours:
    """The waiting reviews before and after this one, and its place among them."""
    pending = reviews.pending(visit.actor, now=visit.now)
    before, after = pending.filter(_beside(review, "lt")), pending.filter(_beside(review, "gt"))
    found = _first_of_each(
        previous=before.order_by("-expires_at", "-id").annotate(place=Counted(before)),
        next=after.annotate(place=Value(0)),
    )
    previous = found.get("previous")
    return Neighbours(position=previous.place + 1 if previous else 1, previous=previous, next=found.get("next"))


def next_waiting(visit: Visit, review: Review) -> Neighbour | None:
    """What to look at after this one: the next in the queue, else its first."""
    pending = reviews.pending(visit.actor, now=visit.now).filter(expires_at__gt=visit.now).exclude(pk=review.pk)
    pending = pending.annotate(place=Value(0))
    found = _first_of_each(after=pending.filter(_beside(review, "gt")), any=pending)
    return found.get("after") or found.get("any")


def last_decided(actor: Principal) -> Review | None:
    """The newest decision of the account, for an empty queue."""
    decided = reviews.visible(actor).exclude(decided_by="").filter(decided_at__isnull=False)
    return decided.order_by("-decided_at").first()


def _indexed(visit: Visit, filters: Filters) -> Q:
    columns = {"risk": filters.risk, "lane": filters.lane, "reason_code": filters.rule}
    mailbox = Q(mailbox__in=_ids(filters.mailbox)) if filters.mailbox else Q()
    mailbox &= Q(**{name: value for name, value in columns.items() if value})
    return mailbox & Q(expires_at__lte=visit.now + SOON) if filters.is_expiring else mailbox


def _claimed(visit: Visit, by: str) -> Q:
    is_held = Q(claimed_until__gt=visit.now)
    if by == Claimed.NOBODY:
        return Q(claimed_until__isnull=True) | ~is_held
    if by == Claimed.ANYBODY:
        return is_held
    return is_held & Q(claimed_by=visit.member) if by == Claimed.ME else Q(pk__in=[])


def _words(query: QueryDict, name: str) -> str:
    return query.get(name, "").strip().replace("\x00", "")[:200]


def _ids(text: str) -> list[UUID]:
    found = parse_id(text)
    return [found] if found else []


def _beside(review: Review, way: str) -> Q:
    here = review.expires_at
    # Said twice: the first condition is the one that the index can use.
    return Q(**{f"expires_at__{way}e": here}) & (Q(**{f"expires_at__{way}": here}) | Q(**{f"pk__{way}": review.pk}))


def _first_of_each(**lists: QuerySet[Any]) -> dict[str, Neighbour]:
    """The first review of each list that has one, by one statement."""
    firsts = [
        found.annotate(list=Value(name, CharField())).values_list("list", "pk", "message__subject", "place")[:1]
        for name, found in lists.items()
    ]
    return {name: Neighbour(*first) for name, *first in firsts[0].union(*firsts[1:], all=True)}


def _first(review: Review) -> str:
    message = review.message
    if message.direction == Direction.INBOUND:
        return message.from_address
    return next(iter([*message.to_addresses, *message.cc_addresses, *message.bcc_addresses]), "")
