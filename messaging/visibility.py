"""Which messages an agent may know of, and which of these it may read."""

from __future__ import annotations

from django.db.models import Q, QuerySet

from mailboxes.models import Mailbox

from .models import Direction, Message, Status

NOT_WITHHELD = Q(withheld_at__isnull=True)
ANNOUNCED = Q(direction=Direction.INBOUND, status=Status.RELEASED)
RECEIVED = ANNOUNCED & NOT_WITHHELD
SENT = Q(direction=Direction.OUTBOUND) & ~Q(status__in=(Status.ACCEPTED, Status.REFUSED))


def visible(mailbox: Mailbox) -> QuerySet[Message]:
    """The mailbox's messages that are shown: received mail once it was released, unless it is withheld over the month's
    limit, and sends that were not refused."""
    # Said of what was sent too: it is the condition of the index that lists are read along.
    return known(mailbox).filter(NOT_WITHHELD)


def known(mailbox: Mailbox) -> QuerySet[Message]:
    """The visible and the withheld messages: agents hear of the latter, and read nothing of them."""
    return Message.objects.filter(ANNOUNCED | SENT, mailbox=mailbox)
