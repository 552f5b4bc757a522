"""A person's sign-in to `/v1`: for key recovery, and for all else that a full-access key does.

It is no console session and never decides: the password may be that of the signup, which an agent knows.
"""

from __future__ import annotations

import hashlib
import secrets
from datetime import datetime, timedelta

from django.conf import settings
from django.utils.crypto import constant_time_compare

from .errors import Forbidden, Unauthenticated
from .models import Agent, ApiSession, Member, Role, Scope, User
from .principals import Principal


def open_for(user: User, *, now: datetime) -> str:
    """A new session's secret, for the cookie. The caller has just checked the password."""
    ApiSession.objects.filter(user=user, expires_at__lte=now).delete()
    secret = secrets.token_urlsafe(32)
    ApiSession.objects.create(
        user=user,
        digest=_digest(secret),
        fingerprint=user.get_session_auth_hash(),
        expires_at=now + timedelta(hours=settings.API_SESSION_HOURS),
    )
    return secret


def close(secret: str) -> None:
    """End the session of that secret, if there is one."""
    ApiSession.objects.filter(digest=_digest(secret)).delete()


def authenticate(secret: str, *, now: datetime) -> Principal:
    """The default agent of the account that the session's user manages, with full access.

    Raises Unauthenticated (session_over) when the session ended: by time, sign-out, a new password, a closed way in, or
    because the user manages no account any more.
    """
    session = (
        ApiSession.objects.select_related("user")
        .filter(digest=_digest(secret), expires_at__gt=now, user__is_active=True)
        .first()
    )
    if session is None or not constant_time_compare(session.fingerprint, session.user.get_session_auth_hash()):
        raise over()
    member = _find_managing_member(session.user)
    if member is None:
        raise over()
    return Principal(
        account=member.account,
        scopes=frozenset({Scope.READ, Scope.SEND, Scope.ADMIN}),
        agent=Agent.objects.get(account=member.account, is_default=True),
        is_proven_human=session.user.is_proven_human,
    )


def get_managing_member(user: User) -> Member:
    """The user in the account that their session is for: the first one they own, else the first one they administrate.

    Raises Forbidden for reviewers, viewers and whoever has no account: full access is more than they have.
    """
    member = _find_managing_member(user)
    if member is None:
        raise Forbidden(
            "Only an owner or admin of an account signs in here.",
            code="not_manager",
            fix="Reviewers sign in to the console; ask an owner for the admin role.",
        )
    return member


def over() -> Unauthenticated:
    """What the bearer of an ended session is told."""
    return Unauthenticated(
        "This session is over.", code="session_over", fix="Sign in again: POST /api/auth/sign-in/email."
    )


def _find_managing_member(user: User) -> Member | None:
    managing = Member.objects.filter(
        user=user,
        role__in=(Role.OWNER, Role.ADMIN),
        account__is_platform=False,
        account__test_of__isnull=True,
        account__departed_at__isnull=True,
        account__agents__is_default=True,
    )
    # "owner" comes behind "admin" in the alphabet.
    return managing.select_related("account").order_by("-role", "created_at", "pk").first()


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
