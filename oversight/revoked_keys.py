"""What a revoked key has queued does not leave by itself: people decide on it again, or it is cancelled.

By the sweep, not inside the revocation: there the event counter is locked already, and reviews are locked before it.
Mail that an expired or rotated key asked for leaves as it was to: it was asked for while the key was good, and nobody
has said that it was in the wrong hands.
"""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from uuid import UUID

import structlog
from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.dispatch import receiver

from mailboxes import account_options
from mailboxes.errors import Conflict
from mailboxes.models import ApiKey, Event, RevokedKeyMail
from mailboxes.signals import event_recorded
from messaging import wakeup
from messaging.lifecycle import Reason
from messaging.models import IRREVOCABLE, Attempt, Message, Recipient, Status

from . import reviews
from .counting import count
from .models import Review, ReviewState, RevokedKey
from .submission import cancel_waiting

SETTLE = "oversight.settle_revoked_keys"
BY = "key.revoked"
REASON = Reason("key_revoked", "The key that asked for it was revoked before it left.")
MOST_KEYS = 100
# A send that was under way when its key was revoked may commit after the first look.
LOOKED_AFTER_FOR = timedelta(minutes=1)

log = structlog.get_logger(__name__)


@receiver(event_recorded)
def on_event_recorded(*, event: Event, **_: object) -> None:
    """Remember, in the transaction of the revocation, that there is mail to look after."""
    if event.kind == "key.revoked":
        key_id = UUID(json.loads(event.data)["key_id"])
        RevokedKey.objects.get_or_create(key_id=key_id, defaults={"revoked_at": event.created_at})
        wakeup.ring(SETTLE)


def settle(*, now: datetime, limit: int = 100) -> int:
    """Take back up to `limit` messages of each revoked key, as its account or REVOKED_KEY_MAIL says; how many.

    What a worker holds, or of which bytes may have left, goes its way.
    """
    taken = 0
    for row in RevokedKey.objects.select_related("key__account").order_by("revoked_at")[:MOST_KEYS]:
        choice = account_options.revoked_key_mail(row.key.account)
        waiting = [] if choice == account_options.KEEP else list(_waiting(row.key)[:limit])
        taken += sum(_take_back(message, choice=choice, now=now) for message in waiting)
        if not waiting and now - row.revoked_at > LOOKED_AFTER_FOR:
            row.delete()
    return taken


def queued(key: ApiKey) -> int:
    """How much that the key asked for is about to leave: what a revocation takes back."""
    return count(_waiting(key))


def _waiting(key: ApiKey) -> QuerySet[Message]:
    """Found by what is due, and by what was approved and is about to be: no index knows a message's state."""
    due = Recipient.objects.filter(next_at__isnull=False, message__key=key).values("message_id")
    approved = Review.objects.filter(
        account_id=key.account_id, state=ReviewState.APPROVED, released_at__isnull=True, message__key=key
    ).values("message_id")
    begun = Attempt.objects.filter(IRREVOCABLE, recipient__message=OuterRef("pk"))
    queued = Message.objects.filter(key=key, status=Status.QUEUED, mailbox__deleted_at__isnull=True)
    found = queued.filter(Q(pk__in=due) | Q(pk__in=approved)).exclude(Exists(begun))
    return found.filter(account__departed_at__isnull=True).select_related("mailbox").order_by("pk")


def _take_back(message: Message, *, choice: str, now: datetime) -> bool:
    try:
        with transaction.atomic():
            return _hold(message, now=now) if choice == RevokedKeyMail.HOLD else _cancel(message, now=now)
    except Conflict as error:  # a worker was faster
        log.info("revoked_key.too_late", message=str(message.pk), code=error.code)
        return False


def _hold(message: Message, *, now: datetime) -> bool:
    return reviews.hold_again(message, reason=REASON, by=BY, now=now) is not None


def _cancel(message: Message, *, now: datetime) -> bool:
    reviews.lock_latest(message)
    message.refresh_from_db(fields=["status"])
    if message.status != Status.QUEUED:  # held mail stays before the people who look at it
        return False
    cancel_waiting(message, by=BY, now=now)
    return True
