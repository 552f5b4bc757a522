"""Whoever changes what an account pays for waits for the others who do."""

from __future__ import annotations

from uuid import UUID

from django.db import connection


def hold(account_id: UUID) -> None:
    """Until the end of the transaction nobody else changes the account's checkouts, subscriptions or plan.

    Not the account's row: every send locks that, and mailboxes come before it in the one lock order.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"gatepost.billing {account_id}"])
