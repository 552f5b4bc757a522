"""`/login/code/`: the second step of signing in, for those who have one."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.cache import add_never_cache_headers
from django.utils.http import urlencode
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from mailboxes import clock, second_factor
from mailboxes.errors import Problem
from oversight.console import entering
from oversight.console.forms import CodeForm


@sensitive_post_parameters("code")
@require_http_methods(["GET", "HEAD", "POST"])
def sign_in_code(request: HttpRequest) -> HttpResponse:
    """Takes a code of the person whose password was right, and leads on."""
    now, following = clock.now(), entering.safe_next(request)
    user = entering.find_waiting(request, now=now)
    if user is None:
        response: HttpResponse = redirect(f"{reverse('login')}?{urlencode({'next': following or '/review/'})}")
    else:
        form = CodeForm(request.POST if request.method == "POST" else None)
        status = 422 if form.errors else 200
        if request.method == "POST" and form.is_valid():
            try:
                second_factor.check_code(user, form.cleaned_data["code"], now=now)
            except Problem as problem:
                form.add_error("code", f"{problem.sentence} {problem.fix}")
                status = problem.status if problem.status == 429 else 422
            else:
                return entering.finish(request, user, following=following, now=now)
        context = {"form": form, "next": following, "email": user.email}
        response = render(request, "registration/sign_in_code.html", context, status=status)
    add_never_cache_headers(response)
    return response
