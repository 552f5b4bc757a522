"""What waits in a deleted mailbox is cancelled.

By the sweep, not inside the deletion: there the event counter is locked already, and reviews must be locked before it.
Nothing leaves meanwhile, since the outbox claims nothing of a deleted mailbox.
"""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from messaging.models import IRREVOCABLE, Attempt, Message, Recipient, Status

from .models import Review, ReviewState
from .submission import cancel_waiting


def cancel_due(*, now: datetime, limit: int = 100) -> int:
    """Cancel up to `limit` waiting messages of deleted mailboxes; how many. What a worker holds goes its way."""
    begun = Attempt.objects.filter(IRREVOCABLE)
    # Found by what is due and what is open, which is little; Message has no index on its state, which changes often.
    queued = Recipient.objects.filter(next_at__isnull=False, message__mailbox__deleted_at__isnull=False)
    held = Review.objects.filter(state=ReviewState.OPEN, message__mailbox__deleted_at__isnull=False)
    found = queued.values("message_id").union(held.values("message_id"))
    waiting = Message.objects.filter(pk__in=found, status__in=(Status.HELD, Status.QUEUED)).exclude(
        pk__in=begun.values("recipient__message_id")
    )
    cancelled = 0
    for message in waiting.select_related("mailbox").order_by("pk")[:limit]:
        with transaction.atomic():
            cancel_waiting(message, by="mailbox.deleted", now=now)
        cancelled += 1
    return cancelled
