"""What the queue asks the database: rows, filters, neighbours. Twelve queries a page, whatever waits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import CharField, OuterRef, Q, QuerySet, Value

from mailboxes.models import Mailbox
from mailboxes.principals import Principal
from messaging.models import Direction
from oversight import claims, reviews
from oversight.counting import Counted
from oversight.facts import history
from oversight.models import Review

from .cards import Person, Row
from .visit import Visit

MOST_CHOICES = 200
MOST_ALIKE = 200  # of a larger group one need not know more


def rows(visit: Visit, ids: Sequence[UUID]) -> list[Row]:
    """The waiting reviews of these ids as rows, in their order: with whether the account ever wrote to each first
    recipient, or heard of them, and how many wait that say the same."""
    alike = reviews.pending(visit.actor, now=visit.now).exclude(fingerprint="").order_by()
    alike = alike.filter(fingerprint=OuterRef("fingerprint"), expires_at__gt=visit.now)
    waiting = reviews.pending(visit.actor).filter(pk__in=ids)
    counted = with_mail(waiting).annotate(alike_count=Counted(alike, most=MOST_ALIKE))
    known_ids = {review.pk: review for review in counted}
    # What was decided between the two questions is left out.
    found = [known_ids[pk] for pk in ids if pk in known_ids]
    strangers = history.strangers(visit.actor.account.pk, sorted({_first(review) for review in found}))
    return [row(review, is_first_contact=_first(review) in strangers, now=visit.now) for review in found]


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
        risk=review.risk,
        group=review.fingerprint,
        alike_count=getattr(review, "alike_count", 0),
        allowed_actions=allowed_actions,
    )


def with_mail(found: QuerySet[Review]) -> QuerySet[Review]:
    """The reviews with all that a row shows, bodies left out."""
    return found.select_related("message", "message__agent", "mailbox", "claimed_by__user").defer(
        "message__body_text", "message__body_html"
    )


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
