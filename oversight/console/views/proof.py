"""Recent proof of who sits there, before an act that a borrowed screen must not do.

Pages with a form of their own have the field in it (`is_given`); others lead to `/settings/security/prove/` and back.
"""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from mailboxes import second_step
from mailboxes.errors import Problem
from oversight.console import entering, person
from oversight.console.forms import ProofForm, shown
from oversight.console.person import Person, person_page
from oversight.console.visit import Visit


def asked(request: HttpRequest, who: Visit | Person) -> str:
    """Context variable `proof` of _second_step.html: `code`, `password`, or nothing where it was shown lately."""
    if second_step.is_recent(request, now=who.now):
        return ""
    user = who.member.user if isinstance(who, Visit) else who.user
    return second_step.CODE if second_step.is_enrolled(user) else second_step.PASSWORD


def is_given(request: HttpRequest, who: Visit | Person, form: ProofForm) -> bool:
    """Whether the member has shown who they are, lately or with this form; if not, the form says so."""
    field = asked(request, who)
    if not field:
        return True
    typed = form.cleaned_data.get(field) or ""
    user = who.member.user if isinstance(who, Visit) else who.user
    if not typed:
        form.add_error(field, "Type your password." if field == second_step.PASSWORD else "Type a code.")
        return False
    try:
        second_step.prove(request, user=user, code_or_password=typed, now=who.now)
    except Problem as problem:
        form.add_error(field, f"{problem.sentence} {problem.fix}".strip())
        return False
    return True


@sensitive_post_parameters("password", "code")
@require_http_methods(["GET", "HEAD", "POST"])
@person_page
def prove(request: HttpRequest, who: Person) -> HttpResponse:
    """Asks for a code, or the password again, and leads on to `next`."""
    following = entering.safe_next(request)
    form = ProofForm(request.POST if request.method == "POST" else None)
    is_shown = not asked(request, who) if request.method != "POST" else form.is_valid() and is_given(request, who, form)
    if is_shown:
        return redirect(following or "console:security")
    context = {"form": shown(form), "proof": asked(request, who), "next": following, "email": who.user.email}
    return person.render(request, who, "oversight/prove.html", context, status=422 if form.errors else 200)
