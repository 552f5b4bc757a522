"""The kill switch: any deciding member stops an account's sending, owner or admin resumes."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from . import events
from .errors import Forbidden
from .models import Account, Member


def stop(account: Account, *, member: Member, reason: str, now: datetime) -> bool:
    """Stop all sending of the account; False if it was stopped already. No attempt starts after this has committed.

    The row lock does it: a claim holds the account `FOR SHARE` while it writes its attempt rows.
    """
    if not member.may_decide or member.account_id != account.pk:
        raise Forbidden("Only a reviewer of this account may stop its sending.", code="viewer")
    with transaction.atomic():
        stopped = Account.objects.filter(pk=account.pk, stopped_at__isnull=True).update(
            stopped_at=now, stopped_by=member, stop_reason=reason
        )
        if stopped:
            data = {"by": f"member:{member.pk}", "reason": reason}
            events.record(account, "account.stopped", subject=str(account.pk), data=data, now=now)
    return bool(stopped)


def resume(account: Account, *, member: Member, now: datetime) -> bool:
    """Let the account send again; False if it was not stopped. The caller has just checked the member's password."""
    if not member.may_manage or member.account_id != account.pk:
        raise Forbidden("Only an owner or admin may resume sending.", code="not_manager")
    with transaction.atomic():
        resumed = Account.objects.filter(pk=account.pk, stopped_at__isnull=False).update(
            stopped_at=None, stopped_by=None, stop_reason=""
        )
        if resumed:
            data = {"by": f"member:{member.pk}"}
            events.record(account, "account.resumed", subject=str(account.pk), data=data, now=now)
    return bool(resumed)
