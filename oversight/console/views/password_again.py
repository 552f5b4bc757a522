"""The member types their password again, before an act that a borrowed screen must not do."""

from __future__ import annotations

from django.contrib.auth import authenticate
from django.http import HttpRequest

from oversight.console.forms import PasswordForm
from oversight.console.views.sign_in import locked_until
from oversight.console.visit import Visit


def is_right(request: HttpRequest, visit: Visit, form: PasswordForm) -> bool:
    """Whether the form's password is the member's own; if not, the form says so. Guessing is locked out."""
    user = authenticate(request, username=visit.member.user.email, password=form.cleaned_data["password"])
    if user is not None and user.pk == visit.member.user_id:
        return True
    until = locked_until(request)
    form.add_error(
        "password", f"Too many wrong passwords. Try again after {until}." if until else "This is not your password."
    )
    return False
