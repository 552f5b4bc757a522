"""`/permits/`: what agents ask leave for, and a person allows or refuses."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from mailboxes import second_step
from oversight import permits
from oversight.console import permits as rows
from oversight.console import shell
from oversight.console.forms import ProofForm, shown
from oversight.console.views import proof
from oversight.console.visit import Visit, page


@require_safe
@page
def permit_list(request: HttpRequest, visit: Visit) -> HttpResponse:
    context = {
        "waiting": rows.waiting(visit),
        "past": rows.past(visit),
        "may_manage": visit.member.may_manage,
        "is_required": visit.member.account.operator_approval,
    }
    return shell.render(request, visit, "oversight/permits.html", context)


@sensitive_post_parameters("password", "code")
@require_http_methods(["GET", "HEAD", "POST"])
@page
def grant(request: HttpRequest, visit: Visit, permit_id: UUID) -> HttpResponse:
    permits.check_manages(visit.member)
    asked = rows.get_waiting(visit, permit_id)
    form = ProofForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid() and proof.is_given(request, visit, form):
        proven_at = second_step.proven_at(request)
        permits.grant(visit.member, permit_id, second_step_at=proven_at, now=visit.now)
        messages.success(request, "Allowed. It is done as soon as the agent repeats its call, once.")
        return redirect("console:permits")
    context = {"permit": asked, "form": shown(form), "proof": proof.asked(request, visit)}
    return shell.render(request, visit, "oversight/permit_grant.html", context, status=422 if form.errors else 200)


@require_POST
@page
def refuse(request: HttpRequest, visit: Visit, permit_id: UUID) -> HttpResponse:
    permits.refuse(visit.member, permit_id, now=visit.now)
    messages.success(request, "Refused. The code in the mail opens nothing any more.")
    return redirect("console:permits")
