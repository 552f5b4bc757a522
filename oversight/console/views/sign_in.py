"""`/`, `/login/`, `/logout/` and the choice among several accounts."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from django.conf import settings
from django.contrib.auth import logout
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.cache import add_never_cache_headers
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from mailboxes import clock, second_step
from mailboxes.api import client_limits
from mailboxes.api.client_limits import ClientLimit
from mailboxes.errors import LimitReached, NotFound
from mailboxes.ids import parse_id
from messaging.events import doorbell
from oversight.console import entering
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
    """Signs a proven member in and leads on to `next`, if that is a place of ours; asks for a code on the way."""
    following = entering.safe_next(request)
    if request.method != "POST" and find_visit(request.user, session=request.session) is not None:
        return redirect(following or "console:queue")
    form = SignInForm(request, data=request.POST if request.method == "POST" else None)
    if request.method == "POST":
        if refusal := _too_many(request):
            return _refused(request, SignInForm(request), refusal)
        if form.is_valid():
            return entering.let_in(request, form.get_user(), following=following, now=clock.now())
        _count_failure(request)
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


def _limit() -> ClientLimit:
    """Wrong sign-ins of one client, whoever they are for, together with those at `/v1`: one password, many names."""
    return ClientLimit("sign-in", settings.SIGN_INS_PER_HOUR, 3600)


def _too_many(request: HttpRequest) -> str:
    if client_limits.left(_limit(), request):
        return ""
    return "Too many wrong sign-ins from your address. Try again in an hour."


def _count_failure(request: HttpRequest) -> None:
    with suppress(LimitReached):  # the next one is told
        client_limits.take(_limit(), request)


def _refused(request: HttpRequest, form: SignInForm, sentence: str) -> HttpResponse:
    response = render(request, "registration/login.html", {"form": form, "refusal": sentence}, status=429)
    add_never_cache_headers(response)
    return response


def _form(request: HttpRequest, form: SignInForm, following: str) -> HttpResponse:
    context: dict[str, Any] = {"form": form, "next": following}
    status = 200
    if until := second_step.locked_until(request, now=clock.now()):
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
