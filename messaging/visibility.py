"""Which messages an agent may know of."""

from __future__ import annotations

from django.db.models import Q, QuerySet

from mailboxes.models import Mailbox

from .models import Direction, Message, Status

RECEIVED = Q(direction=Direction.INBOUND, status=Status.RELEASED)
SENT = Q(direction=Direction.OUTBOUND) & ~Q(status__in=(Status.ACCEPTED, Status.REFUSED))


def visible(mailbox: Mailbox) -> QuerySet[Message]:
    """The mailbox's messages that are shown: received mail once it was released, and sends that were not refused."""
    return Message.objects.filter(RECEIVED | SENT, mailbox=mailbox)
