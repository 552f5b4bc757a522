"""What an account asked for and pays, in its archive."""

from __future__ import annotations

from mailboxes.export import Table, register
from mailboxes.exporting import of_account

from .models import Checkout, Subscription

register(
    Table("checkouts", of_account(Checkout), leave_out=frozenset({"session_id", "url"})),
    Table("subscriptions", of_account(Subscription)),
)
