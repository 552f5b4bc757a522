"""What waits when its mailbox is deleted is cancelled, in the same transaction."""

from __future__ import annotations

from django.dispatch import receiver

from mailboxes.models import Event
from mailboxes.signals import event_recorded
from messaging.models import Message, Recipient, Status

from .submission import cancel_waiting


@receiver(event_recorded)
def on_event_recorded(*, event: Event, **_: object) -> None:
    if event.kind == "mailbox.deleted" and event.mailbox_id:
        cancel_mail_of(event)


def cancel_mail_of(event: Event) -> None:
    """Cancel all held and queued mail of the deleted mailbox; what a worker already holds goes its way."""
    waiting = Message.objects.filter(mailbox_id=event.mailbox_id, status__in=(Status.HELD, Status.QUEUED))
    for message in waiting.select_related("mailbox").order_by("pk"):
        if not Recipient.objects.filter(message=message, attempts_count__gt=0).exists():
            cancel_waiting(message, by="mailbox.deleted", now=event.created_at)
