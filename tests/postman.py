"""The house's own mail, once the sweep that writes it has run."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import zeal
from django.db.models import QuerySet

from mailboxes import clock
from messaging.models import Message
from oversight import due_notices


def mails_to(address: str, *, later: timedelta = timedelta(0), **said: Any) -> QuerySet[Message]:
    """What the house has written to the address until now, or some time later."""
    with zeal.zeal_ignore():  # the sweep tells one thing after the other, each in a transaction of its own
        due_notices.send_due(now=clock.now() + later)
    return Message.objects.filter(to_addresses=[address], **said)
