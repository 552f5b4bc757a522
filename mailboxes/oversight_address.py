"""Where the copies of monitored mailboxes' mail go: a human's address elsewhere, which no key can change."""

from __future__ import annotations

from datetime import datetime

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction

from . import addresses, events
from .errors import Invalid
from .models import Account, Member, Role


def find(account: Account) -> str | None:
    """The account's oversight address, or its owner's proven one. None where that is not proven, or is delivered here:
    its agents could read what comes there."""
    address = account.oversight_email or _of_owner(account)
    return None if not address or _is_ours(address) else address


def change(account: Account, address: str, *, by: str, now: datetime) -> bool:
    """Set the address; "" is the owner's own. False if it was that already. Raises Invalid.

    `by` names the human or operator: no key may call this.
    """
    address = address.strip().lower()
    check(address)
    with transaction.atomic():
        others = Account.objects.filter(pk=account.pk).exclude(oversight_email=address)
        if not others.update(oversight_email=address):
            return False
        account.oversight_email = address
        # Without the addresses: events hold none. Whoever may ask reads it on the account.
        events.record(account, "account.oversight_email_changed", subject=str(account.pk), data={"by": by}, now=now)
    return True


def check(address: str) -> None:
    """Refuse what can't be an oversight address: no address, or one that this server delivers."""
    if not address:
        return
    try:
        validate_email(address)
    except ValidationError as error:
        raise Invalid("This is no address.", code="invalid_address", fix="Give one plain address.") from error
    if _is_ours(address):
        raise Invalid(
            "This address is delivered by this server: the agents that it is to watch could read it.",
            code="own_domain",
            fix="Give the address of a human elsewhere.",
        )


def _is_ours(address: str) -> bool:
    return addresses.is_ours(address.rpartition("@")[2])


def _of_owner(account: Account) -> str | None:
    owners = Member.objects.filter(account=account, role=Role.OWNER, user__is_active=True)
    proven = owners.filter(user__email_verified_at__isnull=False).order_by("created_at")
    return proven.values_list("user__email", flat=True).first()
