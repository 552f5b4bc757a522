"""Whether dangerous acts of an account's agents wait for its people: keys, webhooks, mailboxes made or taken away."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction

from . import events, oversight_address
from .errors import Forbidden, Invalid
from .models import Account, Member


def set_required(member: Member, required: bool, *, second_step_at: datetime | None, now: datetime) -> bool:
    """Let such acts wait from now on, or be done at once again; False if it was so already.

    For owners and admins at the console; `second_step_at` is when they last proved who they are. Raises Forbidden
    (not_manager; second_step_required: for switching it off), Invalid (no_oversight_address: nobody could be asked).
    """
    if not member.may_manage:
        raise Forbidden("Only an owner or admin sets this.", code="not_manager", fix="Ask one of them.")
    if not required:
        _check_recent(second_step_at, now=now)
    elif oversight_address.find(member.account) is None:
        raise Invalid(
            "Nobody could be asked: the account has no proven address of a person that is delivered elsewhere.",
            code="no_oversight_address",
            fix="Set the oversight address of the account first.",
        )
    with transaction.atomic():
        changed = Account.objects.filter(pk=member.account_id, operator_approval=not required)
        if not changed.update(operator_approval=required):
            return False
        data = {"by": f"member:{member.pk}", "is_required": required}
        subject = str(member.account_id)
        events.record(member.account_id, "account.operator_approval_changed", subject=subject, data=data, now=now)
    member.account.operator_approval = required
    return True


def is_required(account: Account) -> bool:
    """Asked of the database each time: an account in memory may be of a moment before it was switched on."""
    return Account.objects.filter(pk=account.pk, operator_approval=True).exists()


def _check_recent(second_step_at: datetime | None, *, now: datetime) -> None:
    since = now - timedelta(minutes=settings.SECOND_STEP_MINUTES)
    if second_step_at is None or not since <= second_step_at <= now:
        raise Forbidden(
            "This takes a second step: your code, or your password again.",
            code="second_step_required",
            fix="Prove it in the console, and do it there.",
        )
