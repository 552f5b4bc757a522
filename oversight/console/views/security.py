"""`/settings/security/`: a person's second step. Switched on by a code, off by a code and the password."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from urllib.parse import quote

from allauth.mfa.adapter import get_adapter
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import HASH_SESSION_KEY
from django.core.exceptions import ImproperlyConfigured
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.dateparse import parse_datetime
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from mailboxes import second_factor, second_step, vault
from mailboxes.errors import Forbidden, Problem
from mailboxes.models import Role
from oversight.console import entering, person, qr
from oversight.console.forms import SetUpForm, SwitchOffForm, shown
from oversight.console.person import Person, person_page
from oversight.console.visit import Visit, page

PURPOSE = "second factor to be confirmed"


@require_safe
@person_page
def security(request: HttpRequest, who: Person) -> HttpResponse:
    """Whether it is on, how many recovery codes are left, and for owners what they ask of the members."""
    is_on = second_step.is_enrolled(who.user)
    member = who.visit.member if who.visit else None
    context = {
        "is_on": is_on,
        "since": who.user.second_factor_at,
        "codes_left": second_factor.recovery_codes_left(who.user) if is_on else 0,
        "is_owner": member is not None and member.role == Role.OWNER,
        "is_required": member is not None and member.account.requires_second_step,
    }
    return person.render(request, who, "oversight/security.html", context)


@sensitive_post_parameters("secret", "code")
@sensitive_variables("secret")
@require_http_methods(["GET", "HEAD", "POST"])
@person_page
def set_up(request: HttpRequest, who: Person) -> HttpResponse:
    """A new secret as picture and text; the app's code switches it on. Nothing is kept before."""
    following = entering.safe_next(request)
    if second_step.is_enrolled(who.user):
        return redirect("console:security")
    if not second_step.is_recent(request, now=who.now):
        return redirect(entering.proof_url(entering.set_up_url(following)))
    form = SetUpForm(request.POST if request.method == "POST" else None)
    secret = _unseal(request.POST.get("secret", ""), who) or second_factor.new_secret()
    if request.method == "POST" and form.is_valid():
        try:
            second_factor.confirm(who.user, secret=secret, code=form.cleaned_data["code"], now=who.now)
            with transaction.atomic():
                codes = second_factor.switch_on(who.user, secret=secret, now=who.now)
                second_step.remember(request, user=who.user, now=who.now)
                _go_on(request, who)
        except Problem as problem:
            form.add_error("code", f"{problem.sentence} {problem.fix}")
        else:
            return _codes_page(request, who, codes, following=following)
    context = {
        "form": shown(form),
        "secret": secret,
        "sealed": _seal(secret, who),
        "qr": qr.draw(get_adapter().build_totp_url(who.user, secret)),
        "next": following,
    }
    return person.render(request, who, "oversight/set_up.html", context, status=422 if form.errors else 200)


@require_POST
@person_page
def recovery_codes(request: HttpRequest, who: Person) -> HttpResponse:
    """New recovery codes, shown this once."""
    if not second_step.is_recent(request, now=who.now):
        return redirect(entering.proof_url(reverse("console:security")))
    try:
        codes = second_factor.renew_recovery_codes(who.user, now=who.now)
    except Problem as problem:
        messages.error(request, f"{problem.sentence} {problem.fix}")
        return redirect("console:security")
    return _codes_page(request, who, codes, following="")


@sensitive_post_parameters("password", "code")
@require_http_methods(["GET", "HEAD", "POST"])
@person_page
def switch_off(request: HttpRequest, who: Person) -> HttpResponse:
    """Takes a code and the password, both typed now."""
    if not second_step.is_enrolled(who.user):
        return redirect("console:security")
    form = SwitchOffForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid() and _are_right(request, who, form):
        with transaction.atomic():
            second_factor.switch_off(who.user, now=who.now)
            request.session.pop(second_step.PROOF, None)
            _go_on(request, who)
        messages.success(request, "Your second step is off. Your password alone opens your account.")
        return redirect("console:security")
    context = {"form": shown(form), "email": who.user.email}
    return person.render(request, who, "oversight/switch_off.html", context, status=422 if form.errors else 200)


@require_POST
@page
def ask_members(request: HttpRequest, visit: Visit) -> HttpResponse:
    """The owner's word on whether members decide without a second step."""
    if visit.member.role != Role.OWNER:
        raise Forbidden("Only an owner sets this.", fix="Ask an owner.")
    if not second_step.is_recent(request, now=visit.now):
        return redirect(entering.proof_url(reverse("console:security")))
    is_required = request.POST.get("is_required") == "yes"
    try:
        second_factor.require_of_members(visit.member, is_required, now=visit.now)
    except Problem as problem:
        messages.error(request, f"{problem.sentence} {problem.fix}".strip())
    else:
        messages.success(request, "Members decide only with a second step." if is_required else "It is optional again.")
    return redirect("console:security")


def _are_right(request: HttpRequest, who: Person, form: SwitchOffForm) -> bool:
    """The password first: a code is used up by being looked at."""
    field = "password"
    try:
        second_step.check_password(request, user=who.user, password=form.cleaned_data["password"], now=who.now)
        field = "code"
        second_factor.check_code(who.user, form.cleaned_data["code"], now=who.now)
    except Problem as problem:
        form.add_error(field, f"{problem.sentence} {problem.fix}".strip())
        return False
    return True


def _go_on(request: HttpRequest, who: Person) -> None:
    """Every other session of the person has just ended; this one stays.

    By the same key, and saved in the transaction that ends the others: its sockets look at once, and a page whose
    socket finds no session goes to the sign-in, with the recovery codes that it was about to show.
    """
    request.session[HASH_SESSION_KEY] = who.user.get_session_auth_hash()
    request.session.save()


def _codes_page(request: HttpRequest, who: Person, codes: list[str], *, following: str) -> HttpResponse:
    readable = [f"{code[:4]} {code[4:]}" for code in codes]
    text = f"Gatepost recovery codes of {who.user.email}\nEach works once.\n\n" + "\n".join(readable) + "\n"
    context = {"codes": readable, "download": f"data:text/plain;charset=utf-8,{quote(text)}", "next": following}
    return person.render(request, who, "oversight/recovery_codes.html", context)


def _seal(secret: str, who: Person) -> str:
    """The secret for the way through the form: nobody but this person can bring it back, and not for long."""
    content = {"secret": secret, "user": str(who.user.pk), "at": who.now.isoformat()}
    return vault.seal(json.dumps(content).encode(), purpose=PURPOSE).decode()


def _unseal(sealed: str, who: Person) -> str:
    try:
        content = json.loads(vault.unseal(sealed.encode(), purpose=PURPOSE))
    except ImproperlyConfigured:  # not ours
        return ""
    at: datetime | None = parse_datetime(content["at"])
    is_fresh = at is not None and who.now - at <= timedelta(minutes=settings.SECOND_STEP_MINUTES)
    return content["secret"] if is_fresh and content["user"] == str(who.user.pk) else ""
