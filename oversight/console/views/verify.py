"""`/verify/<token>/`: a human confirms an address and sets a password of their own. A GET changes nothing."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.cache import add_never_cache_headers
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from mailboxes import accounts, clock
from mailboxes.api import client_limits, resending
from mailboxes.errors import Gone, LimitReached
from oversight.console import entering
from oversight.console.forms import EmailForm, OwnPasswordForm


@sensitive_post_parameters("password1", "password2")
@require_http_methods(["GET", "HEAD", "POST"])
def verify(request: HttpRequest, token: str) -> HttpResponse:
    try:
        user = accounts.read_verification_token(token)
    except Gone:
        return _page(request, {"is_expired": True, "form": EmailForm()}, status=410)
    form = OwnPasswordForm(request.POST if request.method == "POST" else None, user=user)
    if request.method == "POST" and form.is_valid():
        now = clock.now()
        accounts.verify_email(user, password=form.cleaned_data["password1"], now=now)
        messages.success(request, "Your address is confirmed, and the password is yours alone.")
        return entering.let_in(request, user, following="", now=now)
    return _page(request, {"email": user.email, "form": form}, status=422 if form.errors else 200)


@require_http_methods(["GET", "HEAD", "POST"])
def verify_again(request: HttpRequest) -> HttpResponse:
    """Ask for a new link. The answer is the same for every address, so that nobody learns who is here."""
    form = EmailForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            client_limits.take(resending.PER_CLIENT, request)
        except LimitReached as error:
            form.add_error("email", f"{error.sentence} {error.fix}")
            return _page(request, {"is_again": True, "form": form}, status=429)
        resending.send_again(form.cleaned_data["email"], now=clock.now())
        return _page(request, {"is_asked": True, "email": form.cleaned_data["email"]})
    return _page(request, {"is_again": True, "form": form}, status=422 if form.errors else 200)


def _page(request: HttpRequest, context: dict[str, object], *, status: int = 200) -> HttpResponse:
    response = render(request, "registration/verify_email.html", context, status=status)
    add_never_cache_headers(response)
    return response
