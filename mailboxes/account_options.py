"""What an account's owners and admins choose for it, and no key can."""

from __future__ import annotations

from datetime import datetime

from django.conf import settings
from django.db import transaction

from . import events
from .errors import Invalid
from .models import Account, Member, RevokedKeyMail
from .principals import of_manager

KEEP = "keep"  # an operator's choice only: what was queued leaves


def revoked_key_mail(account: Account) -> str:
    """What becomes of what a revoked key has queued: hold, cancel or, where the server says so, keep."""
    return account.revoked_key_mail or str(settings.REVOKED_KEY_MAIL)


def set_revoked_key_mail(member: Member, choice: str, *, now: datetime) -> bool:
    """Choose that for the account, or by "" leave it to the server again; False if it was so already."""
    actor = of_manager(member)
    if choice and choice not in RevokedKeyMail.values:
        raise Invalid("There is no such choice.", code="invalid_field", fix="Use hold or cancel, or leave it empty.")
    with transaction.atomic():
        others = Account.objects.filter(pk=member.account_id).exclude(revoked_key_mail=choice)
        if not others.update(revoked_key_mail=choice):
            return False
        data = {"by": actor.identity, "choice": choice}
        subject = str(member.account_id)
        events.record(member.account, "account.revoked_key_mail_changed", subject=subject, data=data, now=now)
    member.account.revoked_key_mail = choice
    return True
