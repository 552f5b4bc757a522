"""Suspending an account: its operator keeps everything where it is, and nothing leaves."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from django.db import transaction

from . import events, known_keys
from .errors import Invalid
from .models import Account

REASON_LENGTH = 200


def suspend(
    account: Account, *, reason: str, by: str, now: datetime, evidence: Mapping[str, int] | None = None
) -> bool:
    """Let nothing of the account leave until it is reactivated; False if it was suspended already. Deletes nothing.

    `evidence` are numbers that the event tells beside the reason.
    """
    if account.is_platform:
        raise Invalid(
            "The platform's own account can't be suspended.", code="platform_account", fix="Choose another one."
        )
    if not reason.strip():
        raise Invalid(
            "A suspension needs a reason.", code="reason_required", fix="Say why: the account's owner reads it."
        )
    if len(reason) > REASON_LENGTH:
        raise Invalid(
            f"A reason has at most {REASON_LENGTH} characters.", code="reason_too_long", fix="Say it in fewer words."
        )
    with transaction.atomic():
        # The row lock waits for claims, which hold the account FOR SHARE while they write their attempts.
        suspended = Account.objects.filter(pk=account.pk, suspended_at__isnull=True).update(
            suspended_at=now, suspended_reason=reason
        )
        if suspended:
            known_keys.forget_on_commit()
            data = {"by": by, "reason": reason, **(evidence or {})}
            events.record(account, "account.suspended", subject=str(account.pk), data=data, now=now)
    return bool(suspended)


def reactivate(account: Account, *, by: str, now: datetime) -> bool:
    """Let the account send again; False if it was not suspended. What it is judged by begins anew tomorrow (UTC)."""
    with transaction.atomic():
        reactivated = Account.objects.filter(pk=account.pk, suspended_at__isnull=False).update(
            suspended_at=None, suspended_reason="", judged_from=now
        )
        if reactivated:
            known_keys.forget_on_commit()
            events.record(account, "account.reactivated", subject=str(account.pk), data={"by": by}, now=now)
    return bool(reactivated)
