"""After the verification: the welcome mail, once in an account's life, and where its human goes next."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction
from django.db.models import QuerySet

from . import events
from .models import Account, Member, Role
from .standing import not_verified

READY = "/dashboard?verified=true"
NOT_READY = "/onboarding"


def request(account: Account, *, now: datetime) -> bool:
    """Ask for the welcome mail to the verified owner; False if it was asked for before. oversight writes the mail."""
    with transaction.atomic():
        owner = _verified_owners(account).first()
        if owner is None:
            raise not_verified()
        # The row count says who was first.
        if not Account.objects.filter(pk=account.pk, welcomed_at__isnull=True).update(welcomed_at=now):
            return False
        data = {"user_id": str(owner.user_id)}
        events.record(account, "account.welcome_requested", subject=str(account.pk), data=data, now=now)
    return True


def next_page(account: Account) -> str:
    """The page for the account's human: the console once an owner can sign in there, the first steps before."""
    may_sign_in = _verified_owners(account).filter(user__password_set_at__isnull=False).exists()
    return READY if may_sign_in else NOT_READY


def _verified_owners(account: Account) -> QuerySet[Member]:
    return Member.objects.filter(account=account, role=Role.OWNER, user__email_verified_at__isnull=False).order_by(
        "created_at", "pk"
    )
