"""Where people go who have just confirmed an address, or not yet: the two targets that `/v1` names to their agents."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.cache import add_never_cache_headers
from django.views.decorators.http import require_safe

from oversight.console.visit import Visit, find_visit, page


@require_safe
@page
def dashboard(request: HttpRequest, visit: Visit) -> HttpResponse:
    """The queue, for people who come with the address that the API names."""
    if "verified" in request.GET and visit.member.user.email_verified_at is not None:
        messages.success(request, "Your address is confirmed.")
    return redirect("console:queue")


@require_safe
def onboarding(request: HttpRequest) -> HttpResponse:
    """What a person does first."""
    context = {"is_member": find_visit(request.user, session=request.session) is not None}
    response = render(request, "oversight/onboarding.html", context)
    add_never_cache_headers(response)
    return response
