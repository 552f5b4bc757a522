"""A deleted account is charged no more, whatever it was paying for at that moment."""

from __future__ import annotations

from datetime import datetime

from django.dispatch import receiver

from mailboxes.models import Account
from mailboxes.signals import account_departing

from . import subscriptions


@receiver(account_departing)
def on_account_departing(*, account: Account, now: datetime, **_: object) -> None:
    subscriptions.end(account, now=now)
