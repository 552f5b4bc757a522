"""Addresses that must not be written to, in any spelling."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from django.db import transaction

from mailboxes import events
from mailboxes.errors import Invalid
from mailboxes.models import Account
from messaging.mime import addresses
from messaging.models import Suppression, SuppressionReason


def check(account_id: UUID, recipients: Sequence[str]) -> None:
    """Refuse a send that names a suppressed recipient: nothing of it is sent."""
    found = find(account_id, recipients)
    if found:
        raise refusal(found[0].address, found[0].reason)


def refusal(address: str, reason: str) -> Invalid:
    """What a sender is told of a suppressed recipient."""
    return Invalid(
        f"{address} is on the suppression list ({reason}).",
        code="suppressed_recipient",
        fix="Leave the address out, or remove the suppression if the person asked for mail again.",
    )


def find(account_id: UUID, recipients: Sequence[str]) -> list[Suppression]:
    """The account's suppressions that meet any of the canonical addresses."""
    keys = {addresses.suppression_key(address) for address in recipients}
    return list(Suppression.objects.filter(account_id=account_id, key__in=keys).order_by("address"))


def add(account: Account, address: str, *, reason: SuppressionReason, text: str = "", now: datetime) -> Suppression:
    """Suppress a canonical address; the row that stands already, if there is one."""
    with transaction.atomic():
        row, is_new = Suppression.objects.get_or_create(
            account=account,
            key=addresses.suppression_key(address),
            defaults={"address": address, "reason": reason, "text": text, "created_at": now},
        )
        if is_new:
            data = {"suppression_id": str(row.pk), "reason": str(reason)}
            events.record(account, "suppression.added", subject=str(row.pk), data=data, now=now)
    return row
