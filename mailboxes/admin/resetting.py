"""Taking a lost second factor away in Django admin: by an action, with a reason that the person is told."""

from __future__ import annotations

from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from mailboxes import clock, second_factor
from mailboxes.errors import Problem
from mailboxes.models import User

from .base import OperatorAdmin, operator


def ask_or_reset(desk: OperatorAdmin[User], request: HttpRequest, chosen: QuerySet[User]) -> HttpResponse | None:
    """The page that asks for the reason; None when it is done, or can't be, which is told."""
    people = list(chosen[:2])
    if len(people) != 1 or str(people[0].pk) == str(request.user.pk):
        desk.message_user(request, "Choose one person, and not yourself.", level=messages.ERROR)
        return None
    (person,) = people
    reason = request.POST.get("reason")
    if not (reason or "").strip():
        context = {
            **desk.admin_site.each_context(request),
            "title": "Reset the second step",
            "opts": desk.opts,
            "person": person,
            "is_wrong": reason is not None,
            "longest": second_factor.REASON_LENGTH,
        }
        return TemplateResponse(request, "admin/reset_second_factor.html", context)
    try:
        is_reset = second_factor.reset(person, by=operator(request), reason=reason or "", now=clock.now())
    except Problem as problem:
        desk.tell(request, problem)
        return None
    told = f"{person.email} signs in with the password alone now, and is told so." if is_reset else "There was none."
    desk.message_user(request, told)
    return None
