"""`/settings/account/`: what an account's owners and admins choose for it. Others see what is chosen."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.cache import add_never_cache_headers
from django.views.decorators.http import require_http_methods

from mailboxes import account_options, clock, operator_approval, oversight_address, second_step
from mailboxes.errors import Problem
from mailboxes.models import RevokedKeyMail
from mailboxes.principals import of_manager
from oversight import claims
from oversight.console import entering, shell
from oversight.console.option_forms import AddressForm, ClaimsForm, RevokedKeyMailForm
from oversight.console.visit import Visit, page
from oversight.models import Claims, Desk

CLAIMS = {
    Claims.OFF.value: "Nobody says what they look at.",
    Claims.OPTIONAL.value: "Others see what somebody looks at, and may decide it all the same.",
    Claims.REQUIRED.value: "Only who has claimed a mail decides it.",
}
REVOKED = {
    RevokedKeyMail.HOLD.value: "It comes before people again.",
    RevokedKeyMail.CANCEL.value: "It is cancelled.",
    account_options.KEEP: "It leaves all the same.",
}
APPROVAL = {
    "yes": "They wait until an owner or admin has said yes, by the code in the mail or on the page of permits.",
    "no": "They are done at once, and the owner is told.",
}
# How much each lets happen: what is further on than before takes proof of who sits there.
LOOSER_CLAIMS = (Claims.REQUIRED, Claims.OPTIONAL, Claims.OFF)
LOOSER_MAIL = (RevokedKeyMail.CANCEL, RevokedKeyMail.HOLD, account_options.KEEP)


@require_http_methods(["GET", "HEAD", "POST"])
@page
def account_settings(request: HttpRequest, visit: Visit) -> HttpResponse:
    """All options of the account, each with its sentence and its own form."""
    errors: dict[str, str] = {}
    if request.method == "POST":
        of_manager(visit.member)
        act = ACTS.get(request.POST.get("what", ""))
        try:
            answer = act(request, visit) if act else redirect("console:account_settings")
        except Problem as problem:
            errors[request.POST["what"]] = f"{problem.sentence} {problem.fix}".strip()
        else:
            return answer
    typed = request.POST if errors else request.GET
    context = _options(visit) | {"errors": errors}
    context["shown"] = {name: typed.get(name, context["chosen"][name]) for name in context["chosen"]}
    context["is_again"] = "again" in request.GET and second_step.is_recent(request, now=visit.now)
    return shell.render(request, visit, "oversight/account_settings.html", context, status=422 if errors else 200)


@require_http_methods(["GET", "HEAD", "POST"])
def oversight_link(request: HttpRequest, token: str) -> HttpResponse:
    """Where the mail to a new oversight address leads: it shows, and a POST says yes. For whoever reads that mail."""
    response = _confirmed(request, token)
    add_never_cache_headers(response)
    response.headers["X-Robots-Tag"] = "noindex"
    return response


def _confirmed(request: HttpRequest, token: str) -> HttpResponse:
    try:
        if request.method == "POST":
            context = {"account": oversight_address.confirm(token, now=clock.now()), "is_done": True}
        else:
            account, _ = oversight_address.read(token, now=clock.now())
            context = {"account": account, "address": account.oversight_email_asked}
    except Problem as problem:
        return render(request, "oversight/oversight_link.html", {"problem": problem}, status=410)
    return render(request, "oversight/oversight_link.html", context)


def _options(visit: Visit) -> dict[str, Any]:
    account = visit.member.account
    own = Desk.objects.filter(account=account).values_list("claims", flat=True).first() or ""
    return {
        "may_change": visit.member.may_manage,
        "chosen": {
            "address": account.oversight_email,
            "claims": own,
            "revoked_key_mail": account.revoked_key_mail,
            "operator_approval": "yes" if account.operator_approval else "no",
        },
        "address_now": oversight_address.find(account),
        "asked": account.oversight_email_asked,
        "link_hours": settings.OVERSIGHT_ADDRESS_HOURS,
        "approval": list(APPROVAL.items()),
        "claims": [("", f"As the server does: {CLAIMS[settings.CLAIMS]}"), *CLAIMS.items()],
        "revoked": [
            ("", f"As the server does: {REVOKED[settings.REVOKED_KEY_MAIL]}"),
            *((value, REVOKED[value]) for value in RevokedKeyMail.values),
        ],
        "needs_second_step": account.requires_second_step,
        "undo_seconds": settings.UNDO_SECONDS,
    }


def _address(request: HttpRequest, visit: Visit) -> HttpResponse:
    form = AddressForm(request.POST)
    address = form.cleaned_data["address"].strip() if form.is_valid() else request.POST.get("address", "")[:300]
    oversight_address.check(address.lower())  # before anybody is asked to prove themselves for nothing
    if not second_step.is_recent(request, now=visit.now):
        return _prove_first(address=address)
    is_asked = oversight_address.ask(visit.member, address, now=visit.now)
    if is_asked and address:
        messages.success(request, f"A mail is on its way to {address}. Nothing changes before somebody there says yes.")
    else:
        messages.success(request, "Saved.")
    return redirect("console:account_settings")


def _drop_address(request: HttpRequest, visit: Visit) -> HttpResponse:
    if oversight_address.drop(visit.member, now=visit.now):
        messages.success(request, "Taken back. The link in that mail opens nothing any more.")
    return redirect("console:account_settings")


def _claims(request: HttpRequest, visit: Visit) -> HttpResponse:
    form = ClaimsForm(request.POST)
    chosen = form.cleaned_data["claims"] if form.is_valid() else "unknown"
    before, after = claims.mode(visit.member.account), chosen or settings.CLAIMS
    if _loosens(LOOSER_CLAIMS, before, after) and not second_step.is_recent(request, now=visit.now):
        return _prove_first(claims=chosen)
    claims.set_mode(visit.actor, chosen or None, now=visit.now)
    messages.success(request, "Saved.")
    return redirect("console:account_settings")


def _revoked_key_mail(request: HttpRequest, visit: Visit) -> HttpResponse:
    form = RevokedKeyMailForm(request.POST)
    chosen = form.cleaned_data["revoked_key_mail"] if form.is_valid() else "unknown"
    before = account_options.revoked_key_mail(visit.member.account)
    is_looser = _loosens(LOOSER_MAIL, before, chosen or settings.REVOKED_KEY_MAIL)
    if is_looser and not second_step.is_recent(request, now=visit.now):
        return _prove_first(revoked_key_mail=chosen)
    account_options.set_revoked_key_mail(visit.member, chosen, now=visit.now)
    messages.success(request, "Saved.")
    return redirect("console:account_settings")


def _operator_approval(request: HttpRequest, visit: Visit) -> HttpResponse:
    is_required = request.POST.get("operator_approval") == "yes"
    if not is_required and not second_step.is_recent(request, now=visit.now):
        return _prove_first(operator_approval="no")
    proven_at = second_step.proven_at(request)
    operator_approval.set_required(visit.member, is_required, second_step_at=proven_at, now=visit.now)
    messages.success(request, "Saved.")
    return redirect("console:account_settings")


def _loosens(order: tuple[str, ...], before: str, after: str) -> bool:
    return after in order and order.index(after) > order.index(before)


def _prove_first(**typed: str) -> HttpResponse:
    """To the page that asks for it, and back with what was typed: nothing is saved yet."""
    back = f"{reverse('console:account_settings')}?{urlencode({**typed, 'again': 'yes'})}"
    return redirect(entering.proof_url(back))


ACTS: dict[str, Callable[[HttpRequest, Visit], HttpResponse]] = {
    "address": _address,
    "drop_address": _drop_address,
    "claims": _claims,
    "operator_approval": _operator_approval,
    "revoked_key_mail": _revoked_key_mail,
}
