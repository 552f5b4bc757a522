"""From a right password to a session: at once, or by way of the page that asks for a code."""

from __future__ import annotations

from datetime import datetime, timedelta
from urllib.parse import urlencode

from django.conf import settings
from django.contrib.auth import login
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.crypto import constant_time_compare
from django.utils.dateparse import parse_datetime
from django.utils.http import url_has_allowed_host_and_scheme

from mailboxes import second_step
from mailboxes.ids import parse_id
from mailboxes.models import User

WAITING = "sign_in"  # session key: whose password was right and whose code is to come
BACKEND = "django.contrib.auth.backends.ModelBackend"


def let_in(request: HttpRequest, user: User, *, following: str, now: datetime) -> HttpResponse:
    """Open the session of somebody whose password was right, or ask for their code first. Leads on to `following`."""
    if not second_step.is_enrolled(user):
        login(request, user, backend=BACKEND)
        return redirect(following or "console:queue")
    # A session that somebody else may have put into this browser is worth nothing from here on.
    request.session.cycle_key()
    until = now + timedelta(minutes=settings.SECOND_STEP_MINUTES)
    waiting = {"user": str(user.pk), "fingerprint": user.get_session_auth_hash(), "until": until.isoformat()}
    request.session[WAITING] = waiting
    return redirect(_with_next(reverse("login_code"), following))


def find_waiting(request: HttpRequest, *, now: datetime) -> User | None:
    """Whose code is to come in this session; None when nobody's is, or it took too long."""
    waiting = request.session.get(WAITING)
    if not isinstance(waiting, dict):
        return None
    until, user_id = parse_datetime(str(waiting.get("until"))), parse_id(waiting.get("user"))
    user = User.objects.filter(pk=user_id, is_active=True).first() if user_id else None
    if user is None or until is None or until <= now or not second_step.is_enrolled(user):
        return None
    return user if constant_time_compare(str(waiting.get("fingerprint")), user.get_session_auth_hash()) else None


def finish(request: HttpRequest, user: User, *, following: str, now: datetime) -> HttpResponse:
    """Open the session of somebody whose code was right too: it counts as recent proof."""
    request.session.pop(WAITING, None)
    login(request, user, backend=BACKEND)
    second_step.remember(request, user=user, now=now)
    return redirect(following or "console:queue")


def safe_next(request: HttpRequest) -> str:
    """Where the form or the address wants to lead on to, if that is a place of ours; else nothing."""
    wanted = request.POST.get("next") or request.GET.get("next") or ""
    is_ours = url_has_allowed_host_and_scheme(wanted, {request.get_host()}, require_https=request.is_secure())
    return wanted if is_ours and wanted.startswith("/") else ""


def proof_url(following: str) -> str:
    """The page that asks for a code or the password and leads on to `following`."""
    return _with_next(reverse("console:prove"), following)


def set_up_url(following: str) -> str:
    """The page where a second step is switched on, which leads on to `following`."""
    return _with_next(reverse("console:set_up"), following)


def _with_next(url: str, following: str) -> str:
    return f"{url}?{urlencode({'next': following})}" if following else url
