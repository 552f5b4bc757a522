"""`/keys/`: keys with which a member decides over the API. Only a signed-in human makes them."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_http_methods, require_POST

from mailboxes import keys
from mailboxes.errors import Forbidden
from oversight.console import shell
from oversight.console.forms import DecideKeyForm, shown
from oversight.console.views import proof
from oversight.console.visit import Visit, page


@sensitive_post_parameters("password", "code")
@sensitive_variables("text")
@require_http_methods(["GET", "HEAD", "POST"])
@page
def decide_keys(request: HttpRequest, visit: Visit) -> HttpResponse:
    if not visit.member.may_decide:
        raise Forbidden("Only those who may decide can have a key for it.", fix="Ask an owner for the reviewer role.")
    form = DecideKeyForm(request.POST if request.method == "POST" else None)
    text = ""
    if request.method == "POST" and form.is_valid() and proof.is_given(request, visit, form):
        name = form.cleaned_data["name"]
        _, text = keys.create_decide_key(visit.member, name=name, terms=form.terms, now=visit.now)
        form = DecideKeyForm()
    context = {
        "keys": keys.list_decide_keys(visit.member),
        "secret": text,
        "form": shown(form),
        "proof": proof.asked(request, visit),
    }
    return shell.render(request, visit, "oversight/decide_keys.html", context, status=422 if form.errors else 200)


@require_POST
@page
def revoke(request: HttpRequest, visit: Visit, key_id: object) -> HttpResponse:
    key = keys.revoke_decide_key(visit.member, key_id, now=visit.now)
    messages.success(request, f"{key.name or key.prefix} is revoked. It opens nothing from now on.")
    return redirect("console:keys")
