"""What waits in a deleted mailbox is cancelled; what was decided on mail that is erased goes with it.

Cancelled by the sweep, not inside the deletion: there the event counter is locked already, and reviews must be locked
before it. Nothing leaves meanwhile, since the outbox claims nothing of a deleted mailbox.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.db.models import Q
from django.dispatch import receiver

from mailboxes import statements
from messaging.models import IRREVOCABLE, Attempt, Message, Recipient, Status
from messaging.signals import messages_departing

from .models import Review, ReviewState
from .submission import cancel_waiting

LOCK_REVIEWS = "SELECT id FROM oversight_review WHERE message_id = ANY(%(messages)s) ORDER BY id FOR UPDATE"
ERASE_DECISIONS = "SELECT oversight_erase_decisions(%(messages)s)"


def cancel_due(*, now: datetime, limit: int = 100) -> int:
    """Cancel up to `limit` waiting messages of deleted mailboxes; how many. What a worker holds goes its way.

    Those of a deleted account are erased as they are: there is no limit to give back, and nobody to tell.
    """
    begun = Attempt.objects.filter(IRREVOCABLE)
    # Found by what is due and what is open, which is little; Message has no index on its state, which changes often.
    queued = Recipient.objects.filter(next_at__isnull=False, message__mailbox__deleted_at__isnull=False)
    is_waiting = Q(state__in=(ReviewState.OPEN, ReviewState.RETURNED)) | Q(
        state=ReviewState.APPROVED, released_at__isnull=True
    )
    held = Review.objects.filter(is_waiting, message__mailbox__deleted_at__isnull=False)
    found = queued.values("message_id").union(held.values("message_id"))
    waiting = Message.objects.filter(
        pk__in=found, status__in=(Status.HELD, Status.RETURNED, Status.QUEUED), account__departed_at__isnull=True
    ).exclude(pk__in=begun.values("recipient__message_id"))
    cancelled = 0
    for message in waiting.select_related("mailbox").order_by("pk")[:limit]:
        with transaction.atomic():
            cancel_waiting(message, by="mailbox.deleted", now=now)
        cancelled += 1
    return cancelled


@receiver(messages_departing)
def on_messages_departing(*, ids: Sequence[UUID], **_: object) -> None:
    """The decisions go by a function of the database's owner; the reviews and verdicts go with their messages."""
    statements.run(LOCK_REVIEWS, {"messages": list(ids)})
    statements.run(ERASE_DECISIONS, {"messages": list(ids)})
