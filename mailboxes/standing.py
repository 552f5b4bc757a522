"""Whether an account may make and send things: not suspended, and its owner's address verified."""

from __future__ import annotations

from .errors import Forbidden
from .models import Account, Member, Role


def check_not_suspended(account: Account) -> None:
    """Refuse what a suspended account may not do: create and send. Reading, deleting and paying go on."""
    if account.suspended_at is not None:
        raise Forbidden(
            "This account is suspended.",
            code="account_suspended",
            fix="Write to POST /v1/support.",
            suspended=True,
            reason=account.suspended_reason,
        )


def check_verified(account: Account) -> None:
    """Refuse what waits for the owner's verified address: sending, domains, suppressions, the welcome mail."""
    owners = Member.objects.filter(account=account, role=Role.OWNER)
    if not owners.filter(user__email_verified_at__isnull=False).exists():
        raise not_verified()


def not_verified() -> Forbidden:
    return Forbidden(
        "The account's owner has not verified the signup address yet.",
        code="email_not_verified",
        fix="Ask your human to open the link in the mail; POST /v1/auth/resend-verification sends another.",
    )
