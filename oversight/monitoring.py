"""What the agents send: the feed, its numbers, and how much of it nobody has looked at yet."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count, Q, QuerySet

from mailboxes.models import Mailbox, Scope
from mailboxes.modes import OversightMode
from mailboxes.principals import Principal
from messaging.models import Direction, Message, Status

LEFT = (Status.QUEUED, Status.SENDING, Status.SENT, Status.UNKNOWN, Status.FAILED)
COUNTED_FOR = timedelta(days=1)

WAYS = {
    "monitored": Q(oversight_mode=OversightMode.MONITORED),
    "autonomous": Q(oversight_mode=OversightMode.AUTONOMOUS),
    "approved": Q(needs_decision=True),
}


@dataclass(frozen=True, slots=True)
class LastHour:
    """What left in the last hour."""

    sent: int
    waiting: int
    failed: int


def sends(actor: Principal, *, way: str = "") -> QuerySet[Message]:
    """What left or is about to, newest first. `way`: monitored, autonomous, or approved by a human; else all."""
    actor.require(Scope.READ)
    mine = Message.objects.filter(account=actor.account, direction=Direction.OUTBOUND, status__in=LEFT)
    # Not by a join: along the mailboxes PostgreSQL would read all mail of each and sort it.
    mine = mine.exclude(mailbox__in=Mailbox.objects.filter(account=actor.account, deleted_at__isnull=False))
    if actor.mailbox_ids is not None:
        mine = mine.filter(mailbox_id__in=actor.mailbox_ids)
    return mine.filter(WAYS.get(way, Q())).order_by("-created_at", "-id")


def last_hour(actor: Principal, *, now: datetime) -> LastHour:
    counted = (
        sends(actor)
        .filter(created_at__gt=now - timedelta(hours=1))
        .order_by()
        .aggregate(
            sent=Count("pk", filter=Q(status=Status.SENT)),
            waiting=Count("pk", filter=Q(status__in=(Status.QUEUED, Status.SENDING))),
            failed=Count("pk", filter=Q(status__in=(Status.FAILED, Status.UNKNOWN))),
        )
    )
    return LastHour(**counted)


def unseen(actor: Principal, *, seen_at: datetime | None, now: datetime) -> QuerySet[Message]:
    """The sends of monitored mailboxes that came after `seen_at`, of the last day."""
    since = max(seen_at or now - COUNTED_FOR, now - COUNTED_FOR)
    return sends(actor, way="monitored").filter(created_at__gt=since)
