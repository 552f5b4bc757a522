"""Where the copies of monitored mailboxes' mail go, and codes: a human's address elsewhere, which no key can change.

A member names an address, and it is the account's once whoever reads it there has said yes. An operator sets it.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.core import signing
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction

from . import addresses, events
from .errors import Gone, Invalid, LimitReached
from .models import Account, Event, Member, Role
from .principals import of_manager

SALT = "gatepost.oversight-address"
ASKED = "account.oversight_email_asked"


def find(account: Account) -> str | None:
    """The account's oversight address, or its owner's proven one. None where that is not proven, or is delivered here:
    its agents could read what comes there."""
    address = account.oversight_email or _of_owner(account)
    return None if not address or _is_ours(address) else address


def ask(member: Member, address: str, *, now: datetime) -> bool:
    """Have the address asked whether copies may go there; "", the owner's own, is proven and set at once.

    The one of now is told. False if nothing is to be changed. For owners and admins, who have just shown who they are.
    Raises Forbidden, Invalid, LimitReached (OVERSIGHT_ADDRESS_ASKS an hour: the mail goes to whomever they name).
    """
    by, account, address = of_manager(member).identity, member.account, address.strip().lower()
    check(address)
    with transaction.atomic():
        locked = Account.objects.select_for_update(no_key=True).get(pk=account.pk)
        if address == locked.oversight_email:
            return drop(member, now=now)
        _check_rate(account, now=now)
        _want(account, address, now if address else None)
        # Before it is set: whoever hears it notes the one of now. Without the addresses: events hold none.
        data = {"by": by, "to": "address" if address else "owner"}
        events.record(account, ASKED, subject=str(account.pk), data=data, now=now)
        if not address:
            change(account, "", by=by, now=now)
    return True


def drop(member: Member, *, now: datetime) -> bool:
    """Take back what was asked; the link in the mail opens nothing any more. False if nothing was asked."""
    by = of_manager(member).identity
    with transaction.atomic():
        if not _forget(member.account):
            return False
        subject = str(member.account_id)
        events.record(member.account, "account.oversight_email_dropped", subject=subject, data={"by": by}, now=now)
    return True


def token(account: Account, *, by: str) -> str:
    """What the link to the asked address carries: it dies with the next request, a change, or in time."""
    asked_at = account.oversight_email_asked_at
    told = [account.pk.hex, account.oversight_email_asked, asked_at.isoformat() if asked_at else "", by]
    return signing.dumps(told, salt=SALT)


def read(text: str, *, now: datetime) -> tuple[Account, str]:
    """The account whose question the link answers, and who asked. Raises Gone."""
    try:
        account_id, address, asked_at, by = signing.loads(text, salt=SALT)
        pk, asked = UUID(account_id), datetime.fromisoformat(asked_at)
    except (signing.BadSignature, ValueError, TypeError, AttributeError):
        raise _over() from None
    waiting = Account.objects.filter(pk=pk, departed_at__isnull=True, oversight_email_asked_at=asked)
    account = waiting.filter(oversight_email_asked=address).first()
    if account is None or not address or now - asked > timedelta(hours=settings.OVERSIGHT_ADDRESS_HOURS):
        raise _over()
    return account, str(by)


def confirm(text: str, *, now: datetime) -> Account:
    """Whoever reads the asked address says yes: it is the account's from now on. Raises Gone, Invalid."""
    with transaction.atomic():
        account, by = read(text, now=now)
        Account.objects.select_for_update(no_key=True).get(pk=account.pk)
        account, by = read(text, now=now)  # of two at once, the second finds it done
        change(account, account.oversight_email_asked, by=by, now=now)
    return account


def change(account: Account, address: str, *, by: str, now: datetime) -> bool:
    """Set the address; "" is the owner's own. False if it was that already. Raises Invalid.

    `by` names the human or operator: no key may call this.
    """
    address = address.strip().lower()
    check(address)
    with transaction.atomic():
        _forget(account)
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


def _want(account: Account, address: str, at: datetime | None) -> None:
    account.oversight_email_asked, account.oversight_email_asked_at = address, at
    Account.objects.filter(pk=account.pk).update(oversight_email_asked=address, oversight_email_asked_at=at)


def _forget(account: Account) -> bool:
    account.oversight_email_asked, account.oversight_email_asked_at = "", None
    waiting = Account.objects.filter(pk=account.pk).exclude(oversight_email_asked="")
    return bool(waiting.update(oversight_email_asked="", oversight_email_asked_at=None))


def _check_rate(account: Account, *, now: datetime) -> None:
    most, since = settings.OVERSIGHT_ADDRESS_ASKS, now - timedelta(hours=1)
    lately = Event.objects.filter(subject=str(account.pk), kind=ASKED, created_at__gt=since, account=account)
    if most and lately.count() >= most:
        raise LimitReached(
            "Too many addresses were asked within an hour.", code="too_many_addresses", fix="Try again later."
        )


def _over() -> Gone:
    return Gone("This link is over.", code="link_over", fix="Have the address asked again.")


def _is_ours(address: str) -> bool:
    return addresses.is_ours(address.rpartition("@")[2])


def _of_owner(account: Account) -> str | None:
    owners = Member.objects.filter(account=account, role=Role.OWNER)
    if account.departed_at is None:  # of a deleted account the owner is shut out, and still hears who deleted it
        owners = owners.filter(user__is_active=True)
    proven = owners.filter(user__email_verified_at__isnull=False).order_by("created_at")
    return proven.values_list("user__email", flat=True).first()
