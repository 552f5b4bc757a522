"""What an account's archive tells of plans: what was asked for, and what was paid or granted."""

from __future__ import annotations

from mailboxes.export import Table, register
from mailboxes.exporting import of_account

from .models import Checkout, Subscription

register(
    Table("checkouts", of_account(Checkout), leave_out=frozenset({"url", "session_id"})),
    Table("subscriptions", of_account(Subscription)),
)
