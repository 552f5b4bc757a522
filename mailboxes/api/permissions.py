"""What a caller must bring before a view looks at anything."""

from __future__ import annotations

from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.views import APIView

from mailboxes.principals import Principal

from . import authentication


class HasKey(BasePermission):
    """A good key or session. Which scopes it needs, and which mailboxes it reaches, the verbs ask themselves."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        if not isinstance(request.user, Principal):
            raise authentication.refusal(
                "This needs a key.",
                code="missing_key",
                fix="Send Authorization: Bearer gp_live_… ; who lost the key signs in: POST /api/auth/sign-in/email.",
            )
        return True
