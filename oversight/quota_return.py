"""Giving a limit back for a message that came to nothing."""

from __future__ import annotations

from mailboxes import quotas
from messaging.models import Message


def give_back(message: Message) -> None:
    """Return what the message took from its mailbox's limits, at most once however often it is asked."""
    taken_at = message.quota_taken_at
    if taken_at and Message.objects.filter(pk=message.pk, quota_taken_at__isnull=False).update(quota_taken_at=None):
        message.quota_taken_at = None
        amount = message.recipients.count() if message.quota_amount is None else message.quota_amount
        quotas.give_back_sends(message.mailbox, amount, taken_at=taken_at)
