"""How a review stands beside its state: whose approvals count, until when it is put off, what it waits for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from uuid import UUID

from django.utils import timezone

from oversight import claims, votes
from oversight.models import Claims, Decision, Review, ReviewState

from .visit import Visit

WAKE = "now"
MORNING = time(9)


@dataclass(frozen=True, slots=True)
class Approval:
    """One person's yes that counts."""

    name: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Snooze:
    """A moment until which a review may be put out of sight."""

    value: str
    label: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Standing:
    """`came_back`: it was approved, and found stale when it was to leave. `claim_first`: the account wants a claim, and
    this member has none. Of what was given back: `asked`, `answer_until`, and the review of what came (`answer`)."""

    people_needed: int = 1
    approvals: tuple[Approval, ...] = ()
    is_approved_by_me: bool = False
    snoozed_until: datetime | None = None
    snoozes: tuple[Snooze, ...] = ()
    came_back: bool = False
    claim_first: bool = False
    asked: str = ""
    answer_until: datetime | None = None
    answer: UUID | None = None

    @property
    def is_last(self) -> bool:
        """Whether one approval more lets it go."""
        return len(self.approvals) + 1 >= self.people_needed


def decisions_on(review: Review) -> Sequence[Decision]:
    """The review's decisions; none where one person is enough and whoever decides ends it."""
    if review.state != ReviewState.OPEN or review.people_needed < 2:
        return ()
    return list(Decision.objects.filter(review=review).select_related("member__user"))


def of(review: Review, visit: Visit, *, decided: Sequence[Decision]) -> Standing:
    """How the review stands for this member at this moment."""
    if review.state == ReviewState.RETURNED:
        until = None if review.released_at else review.expires_at
        return Standing(asked=review.instructions, answer_until=until, answer=_answer(review))
    if review.state != ReviewState.OPEN:
        return Standing()
    counted = votes.counted(review, decided)
    is_mine = claims.holder(review, now=visit.now) == visit.member
    until = review.snoozed_until
    return Standing(
        people_needed=review.people_needed,
        approvals=tuple(Approval(one.member.user.name or one.member.user.email, one.decided_at) for one in counted),
        is_approved_by_me=any(one.member_id == visit.member.pk for one in counted),
        snoozed_until=until if until and until > visit.now else None,
        snoozes=tuple(one for one in snoozes(visit.now) if one.at < review.expires_at),
        came_back=review.reopened_count > 0,
        claim_first=getattr(review, "claims", "") == Claims.REQUIRED and not is_mine,
    )


def snoozes(now: datetime) -> list[Snooze]:
    """The moments to choose from, in the reader's own time zone."""
    here = timezone.localtime(now)
    tomorrow = datetime.combine(here.date() + timedelta(days=1), MORNING, tzinfo=here.tzinfo)
    return [
        Snooze("hour", "1 hour", now + timedelta(hours=1)),
        Snooze("hours", "4 hours", now + timedelta(hours=4)),
        Snooze("morning", "Tomorrow morning", tomorrow),
    ]


def _answer(review: Review) -> UUID | None:
    """The review of the form that the author sent after this one."""
    if review.released_at is None:
        return None
    later = Review.objects.filter(message=review.message_id, opened_at__gte=review.released_at).exclude(pk=review.pk)
    return later.order_by("opened_at").values_list("pk", flat=True).first()
