"""What the agents send: the feed, its numbers, and how much of it nobody has looked at yet."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count, Q, QuerySet

from mailboxes.models import Scope
from mailboxes.modes import OversightMode
from mailboxes.principals import Principal
from messaging.models import Direction, Message, Status

LEFT = (Status.QUEUED, Status.SENDING, Status.SENT, Status.UNKNOWN, Status.FAILED)
COUNTED_FOR = timedelta(days=1)
# Nobody reads a number beyond that, and to count further costs more than the page around it.
MOST_COUNTED = 999

WAYS = {
    "monitored": Q(oversight_mode=OversightMode.MONITORED),
    "autonomous": Q(oversight_mode=OversightMode.AUTONOMOUS),
    "approved": Q(needs_decision=True),
}
INDEXED = ("monitored", "autonomous")


@dataclass(frozen=True, slots=True)
class LastHour:
    """What became of the last hour's outgoing mail; of more than MOST_COUNTED the newest only."""

    sent: int
    waiting: int
    failed: int
    is_whole: bool


def sends(actor: Principal, *, way: str = "") -> QuerySet[Message]:
    """What left or is about to, newest first. `way`: monitored, autonomous, or approved by a human; else all."""
    actor.require(Scope.READ)
    return _seen(actor, outgoing(actor, way=way).filter(WAYS.get(way, Q()), status__in=LEFT))


def outgoing(actor: Principal, *, way: str = "") -> QuerySet[Message]:
    """What `sends` picks from, as an index has it: all outgoing mail of the account, or of one mode, newest first."""
    found = Message.objects.filter(account=actor.account, direction=Direction.OUTBOUND)
    if way in INDEXED:
        found = found.filter(WAYS[way])
    return found.order_by("-created_at", "-id")


def last_hour(actor: Principal, *, now: datetime) -> LastHour:
    newest = _seen(actor, outgoing(actor).filter(created_at__gt=now - timedelta(hours=1)))
    counted = newest[: MOST_COUNTED + 1].aggregate(
        every=Count("pk"),
        sent=Count("pk", filter=Q(status=Status.SENT)),
        waiting=Count("pk", filter=Q(status__in=(Status.QUEUED, Status.SENDING))),
        failed=Count("pk", filter=Q(status__in=(Status.FAILED, Status.UNKNOWN))),
    )
    return LastHour(is_whole=counted.pop("every") <= MOST_COUNTED, **counted)


def _seen(actor: Principal, found: QuerySet[Message]) -> QuerySet[Message]:
    mine = found.exclude(mailbox__in=actor.deleted_mailboxes())
    return mine if actor.mailbox_ids is None else mine.filter(mailbox_id__in=actor.mailbox_ids)


def unseen(actor: Principal, *, seen_at: datetime | None, now: datetime) -> QuerySet[Message]:
    """The sends of monitored mailboxes that came after `seen_at`, of the last day."""
    since = max(seen_at or now - COUNTED_FOR, now - COUNTED_FOR)
    return sends(actor, way="monitored").filter(created_at__gt=since)
