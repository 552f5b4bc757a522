"""`/`, `/login/`, `/logout/` and the choice among several accounts."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from axes.helpers import get_cool_off
from django.contrib.auth import login, logout
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.cache import add_never_cache_headers
from django.utils.formats import date_format
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from mailboxes import clock
from mailboxes.errors import NotFound
from mailboxes.ids import parse_id
from mailboxes.models import User
from messaging.events import doorbell
from oversight.console.forms import NOT_PROVEN, SignInForm
from oversight.console.visit import ACCOUNT, Visit, find_visit, page


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """The queue for members, else a word on what this is."""
    if find_visit(request.user, session=request.session) is not None:
        return redirect("console:queue")
    response = render(request, "oversight/home.html", {})
    add_never_cache_headers(response)
    return response


@sensitive_post_parameters("password")
@require_http_methods(["GET", "HEAD", "POST"])
def sign_in(request: HttpRequest) -> HttpResponse:
    """Signs a proven member in and leads on to `next`, if that is a place of ours."""
    following = _safe_next(request)
    if request.method != "POST" and find_visit(request.user, session=request.session) is not None:
        return redirect(following or "console:queue")
    form = SignInForm(request, data=request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        login(request, form.get_user())
        return redirect(following or "console:queue")
    return _form(request, form, following)


@require_POST
def sign_out(request: HttpRequest) -> HttpResponse:
    """Ends the session, in all its tabs."""
    visit = find_visit(request.user, session=request.session)
    logout(request)
    if visit is not None:
        doorbell.ring(visit.member.account_id)  # its sockets look whether they may stay
    return redirect("login")


@require_POST
@page
def choose_account(request: HttpRequest, visit: Visit) -> HttpResponse:
    """Go on in another account of the same person."""
    wanted = parse_id(request.POST.get("account"))
    if wanted not in {member.account_id for member in visit.members}:
        raise NotFound("account")
    request.session[ACCOUNT] = str(wanted)
    doorbell.ring(visit.member.account_id)
    return redirect("console:queue")


def locked_until(request: HttpRequest) -> str:
    """When the next try is let through, after too many wrong passwords; empty when none is locked."""
    if not getattr(request, "axes_locked_out", False):
        return ""
    # We say it ourselves; the middleware would put its own plain page in the place of ours.
    request.axes_locked_out = False  # type: ignore[attr-defined]
    cool_off = get_cool_off(request) or timedelta()
    return date_format(clock.now() + cool_off, "H:i e")


def _form(request: HttpRequest, form: SignInForm, following: str) -> HttpResponse:
    context: dict[str, Any] = {"form": form, "next": following}
    status = 200
    if until := locked_until(request):
        form.errors.clear()
        form.add_error(None, f"Too many wrong passwords. Try again after {until}.")
        status = 429
    elif form.has_error("__all__", NOT_PROVEN):
        context["resend_url"] = reverse("verify_again")
    elif following and request.method != "POST":
        context["notice"] = "Sign in to go on."
    response = render(request, "registration/login.html", context, status=status)
    add_never_cache_headers(response)
    return response


def _safe_next(request: HttpRequest) -> str:
    wanted = request.POST.get("next") or request.GET.get("next") or ""
    is_ours = url_has_allowed_host_and_scheme(wanted, {request.get_host()}, require_https=request.is_secure())
    return wanted if is_ours and wanted.startswith("/") else ""


def sign_in_as(request: HttpRequest, user: User) -> None:
    """Open a session for a person who has just set their password."""
    login(request, user, backend="django.contrib.auth.backends.ModelBackend")
