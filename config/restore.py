"""After a backup was restored: what this database would send, which may have left already."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q, QuerySet

from messaging.models import DUE_STATES, Attempt, AttemptPhase, Message, Recipient, RecipientState, Status

# Claimed when the backup was made, and nothing had left: the worker is gone, so it becomes due again.
INTERRUPTED = Q(state=RecipientState.SENDING) & Q(
    pk__in=Attempt.objects.filter(finished_at__isnull=True, phase=AttemptPhase.STARTED).values("recipient")
)


@dataclass(frozen=True, slots=True)
class Leaving:
    """One recipient of one mail that leaves once sending goes on. `due_at` is empty for an interrupted attempt."""

    message_id: str
    account: str
    sender: str
    recipient: str
    due_at: datetime | None


def count_leaving() -> int:
    """Recipients that would be attempted by themselves."""
    return _leaving().count()


def find_leaving(*, limit: int) -> list[Leaving]:
    """The first of them, in the order in which they would leave."""
    rows = _leaving().order_by("next_at").select_related("message__account")[:limit]
    return [
        Leaving(row.message.message_id, row.message.account.slug, row.message.from_address, row.address, row.next_at)
        for row in rows
    ]


def count_undecided() -> int:
    """Held messages: those decided after the backup was made wait for a decision again."""
    return Message.objects.filter(status=Status.HELD).count()


def _leaving() -> QuerySet[Recipient]:
    due = Q(state__in=DUE_STATES, next_at__isnull=False)
    return Recipient.objects.filter(due | INTERRUPTED, message__status__in=(Status.QUEUED, Status.SENDING))
