"""Addresses that must not be written to, in any spelling."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet

from mailboxes import events, standing
from mailboxes.errors import Conflict, Invalid, NotFound
from mailboxes.ids import parse_id
from mailboxes.models import Account
from mailboxes.principals import Principal
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
    return _add(Suppression(account=account, address=address, reason=reason, text=text, created_at=now))[0]


def add_by_hand(actor: Principal, address: str, *, now: datetime) -> Suppression:
    """Suppress a canonical address because its account says so. Raises Conflict where it is suppressed already."""
    standing.check_verified(actor.account)
    asked = Suppression(account=actor.account, address=address, reason=SuppressionReason.MANUAL, created_at=now)
    row, is_new = _add(asked, by=actor.identity)
    if not is_new:
        raise Conflict(
            f"{row.address} is on the suppression list already ({row.reason}).",
            code="already_suppressed",
            fix="Nothing has to be done: an address stands there with all its +tags.",
        )
    return row


def of_account(actor: Principal) -> QuerySet[Suppression]:
    """The suppressions of the actor's account, newest first."""
    return Suppression.objects.filter(account=actor.account).order_by("-created_at", "-pk")


def remove(actor: Principal, suppression_id: object, *, now: datetime) -> None:
    """Let mail through again from the commit on; what was refused or failed before stays so. Raises NotFound."""
    parsed = parse_id(suppression_id)
    with transaction.atomic():
        if parsed is None or not Suppression.objects.filter(pk=parsed, account=actor.account).delete()[0]:
            raise NotFound("suppression")
        data = {"suppression_id": str(parsed), "by": actor.identity}
        events.record(actor.account, "suppression.removed", subject=str(parsed), data=data, now=now)


def _add(asked: Suppression, *, by: str = "") -> tuple[Suppression, bool]:
    """The row of that address, and whether it is new."""
    given = {"address": asked.address, "reason": asked.reason, "text": asked.text, "created_at": asked.created_at}
    with transaction.atomic():
        row, is_new = Suppression.objects.get_or_create(
            account=asked.account, key=addresses.suppression_key(asked.address), defaults=given
        )
        if is_new:
            data = {"suppression_id": str(row.pk), "reason": str(asked.reason)} | ({"by": by} if by else {})
            events.record(asked.account, "suppression.added", subject=str(row.pk), data=data, now=asked.created_at)
    return row, is_new
