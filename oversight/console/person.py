"""Pages about the person who is signed in, not about an account: operators who are no member have them too."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Concatenate, ParamSpec

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.shortcuts import render as render_template
from django.utils import timezone
from django.utils.cache import add_never_cache_headers

from mailboxes import clock
from mailboxes.models import User

from . import shell
from .visit import Visit, find_visit, sign_in_url, zone_of

P = ParamSpec("P")


@dataclass(frozen=True, slots=True)
class Person:
    """Who is signed in. `visit` is None for who belongs to no account."""

    user: User
    now: datetime
    visit: Visit | None = None


Page = Callable[Concatenate[HttpRequest, Person, P], HttpResponse]


def person_page(view: Page[P]) -> Callable[Concatenate[HttpRequest, P], HttpResponse]:
    """A view for who is signed in with a password of their own; nobody's browser or proxy keeps what it answers."""

    def wrapped(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        user = request.user
        if not isinstance(user, User) or not user.is_proven_human:
            response: HttpResponse = redirect(sign_in_url(request))
        else:
            visit = find_visit(user, session=request.session)
            person = Person(visit.member.user, visit.now, visit) if visit else Person(_plain(user), clock.now())
            with timezone.override(zone_of(request)):
                response = view(request, person, *args, **kwargs)
        add_never_cache_headers(response)
        return response

    functools.update_wrapper(wrapped, view)
    return wrapped


def render(
    request: HttpRequest, person: Person, template: str, context: Mapping[str, Any], *, status: int = 200
) -> HttpResponse:
    """The page with the console around it; a plain one where there is no account to show."""
    if person.visit is not None:
        return shell.render(request, person.visit, template, {**context, "base": "base.html"}, status=status)
    around = {"base": "base_plain.html", "now": person.now} | shell.said(request, context)
    return render_template(request, template, around | dict(context), status=status)


def _plain(user: User) -> User:
    """Not the lazy stand-in that the request carries."""
    return User.objects.get(pk=user.pk)
