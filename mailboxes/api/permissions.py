"""What a caller must bring before a view looks at anything."""

from __future__ import annotations

from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.views import APIView

from mailboxes.errors import Forbidden
from mailboxes.models import Account
from mailboxes.principals import Principal

from . import authentication


class HasKey(BasePermission):
    """A good key. Which scopes it needs, and which mailboxes it reaches, the verbs ask themselves."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        if not isinstance(request.user, Principal):
            raise authentication.refusal("This needs a key.", code="missing_key")
        return True


def require_not_suspended(account: Account) -> None:
    """Refuse what a suspended account may not do: create and send. Reading and deleting goes on."""
    if account.suspended_at is not None:
        raise Forbidden(
            "This account is suspended.",
            code="account_suspended",
            fix="Write to the operator.",
            suspended=True,
            reason=account.suspended_reason,
        )
