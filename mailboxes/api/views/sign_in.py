"""Signing in to `/v1` with email and password, to recover a lost key above all. Opens no console."""

from __future__ import annotations

from datetime import timedelta

from axes.helpers import get_cool_off
from django.conf import settings
from django.contrib.auth import authenticate, user_logged_in
from django.http import HttpRequest
from rest_framework.request import Request
from rest_framework.response import Response

from mailboxes import second_factor, sessions
from mailboxes.api import client_limits, session_cookie
from mailboxes.api.base import OpenView
from mailboxes.api.client_limits import ClientLimit
from mailboxes.api.forms import SignInRequest
from mailboxes.api.openapi import operation
from mailboxes.api.serializers import OkSerializer, SignedInSerializer
from mailboxes.errors import LimitReached, Unauthenticated
from mailboxes.models import Member, User
from mailboxes.second_factor import WrongCode


class SignIn(OpenView):
    @operation(
        "signInEmail",
        tag="Sign-in",
        request=SignInRequest,
        answers={200: SignedInSerializer},
        errors=(400, 401, 403, 415, 429),
        needs_key=False,
    )
    def post(self, request: Request) -> Response:
        """Open a session: its cookie stands in place of a full-access key on `/v1` and nowhere else.

        For owners and admins. The password of the signup works, until a human has set an own one. The session acts as
        the account's default agent; it opens no console and decides nothing. Who has switched a second step on sends a
        `code` of their app, or a recovery code, too.
        """
        session_cookie.check_write(request)  # nobody is signed in as somebody else by a page of a stranger
        asked = self.asked(SignInRequest)
        client_limits.take(ClientLimit("sign-in", settings.SIGN_INS_PER_HOUR, 3600), request)
        user = _authenticate(request._request, asked["email"], asked["password"])
        self._check_code(user, asked.get("code"))
        member = sessions.get_managing_member(user)
        response = Response(SignedInSerializer(_told(member, user)).data, headers={"Cache-Control": "no-store"})
        if replaced := session_cookie.find(request):
            sessions.close(replaced)
        session_cookie.give(response, sessions.open_for(user, now=self.now))
        # The same as at the console: the time is noted, and wrong passwords before it are forgotten.
        user_logged_in.send(sender=User, request=request._request, user=user)
        return response

    def _check_code(self, user: User, code: str | None) -> None:
        """The second step: asked for where the password was right, so that nobody learns by it who has one."""
        if not second_factor.is_enrolled(user):
            return
        if not code:
            raise Unauthenticated(
                "A code is asked for beside the password.", code="code_required", fix="Send `code` as well."
            )
        try:
            second_factor.check_code(user, code, now=self.now)
        except WrongCode as wrong:
            raise Unauthenticated(wrong.sentence, code=wrong.code, fix=wrong.fix) from wrong


class SignOut(OpenView):
    @operation("signOut", tag="Sign-in", answers={200: OkSerializer}, errors=(403, 415), needs_key=False)
    def post(self, request: Request) -> Response:
        """End the session whose cookie is sent, and take the cookie away. The answer is the same without one."""
        session_cookie.check_write(request)
        if secret := session_cookie.find(request):
            sessions.close(secret)
        response = Response({"ok": True})
        session_cookie.take_away(response)
        return response


def _authenticate(request: HttpRequest, email: str, password: str) -> User:
    """The user with that password. An unknown address costs the same time and is told the same."""
    user = authenticate(request, username=email, password=password)
    if getattr(request, "axes_locked_out", False):
        request.axes_locked_out = False  # type: ignore[attr-defined]  # its middleware would put a page of its own here
        wait = int((get_cool_off(request) or timedelta()).total_seconds())
        raise LimitReached(
            "Too many wrong passwords for this address.",
            code="too_many_passwords",
            fix=f"Wait {wait} seconds.",
            headers={"Retry-After": str(wait)},
        )
    if not isinstance(user, User):
        raise Unauthenticated(
            "Email and password do not match.", code="wrong_password", fix="Check both; capitals count."
        )
    return user


def _told(member: Member, user: User) -> dict[str, object]:
    # The contract's user is our account.
    return {"user": {"id": member.account_id, "email": user.email, "emailVerified": user.email_verified_at is not None}}
