"""`/undelivered/`: sends that the outbox has given up; a person has one tried again, or lets it be."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_safe

from mailboxes.errors import Conflict, NotFound
from messaging.models import DeadLetter
from oversight import dead_letters, deciders, decisions
from oversight.console import keyset, shell
from oversight.console import undelivered as shown
from oversight.console.visit import Visit, page

Verb = Callable[..., DeadLetter]


class NoteForm(forms.Form):
    """A word to the colleagues."""

    note = forms.CharField(required=False, max_length=decisions.NOTE_LENGTH)


@require_safe
@page
def undelivered(request: HttpRequest, visit: Visit) -> HttpResponse:
    found = dead_letters.visible(visit.actor).select_related("message", "recipient", "mailbox")
    found = found.defer("message__body_text", "message__body_html")
    part = keyset.cut(found, "died_at", request.GET.get("after", ""), is_descending=True)
    context = {
        "letters": shown.cards(part.rows),
        "pager": part.pager(reverse("console:undelivered"), request.GET),
        "can_decide": visit.member.may_decide,
    }
    return shell.render(request, visit, "oversight/undelivered.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@page
def requeue(request: HttpRequest, visit: Visit, letter_id: UUID) -> HttpResponse:
    return _act(request, visit, letter_id, dead_letters.requeue)


@require_http_methods(["GET", "HEAD", "POST"])
@page
def drop(request: HttpRequest, visit: Visit, letter_id: UUID) -> HttpResponse:
    return _act(request, visit, letter_id, dead_letters.drop)


def _act(request: HttpRequest, visit: Visit, letter_id: UUID, verb: Verb) -> HttpResponse:
    if request.method != "POST":
        return _ask(request, visit, letter_id, verb)
    form = NoteForm(request.POST)
    if not form.is_valid():
        return _ask(request, visit, letter_id, verb, problem=str(form.errors["note"][0]), status=422)
    try:
        letter = verb(visit.actor, letter_id, note=form.cleaned_data["note"], now=visit.now)
    except Conflict as problem:
        messages.warning(request, f"{problem.sentence} {problem.fix}")
        return redirect("console:undelivered")
    is_requeue = verb is dead_letters.requeue
    to = letter.recipient.address
    messages.success(request, f"It is tried again for {to}." if is_requeue else f"Given up for {to}.")
    return redirect("console:undelivered")


def _ask(
    request: HttpRequest, visit: Visit, letter_id: UUID, verb: Verb, *, problem: str = "", status: int = 200
) -> HttpResponse:
    """What it is about, and what would become of it. Nothing has happened."""
    found = dead_letters.visible(visit.actor).select_related("message", "recipient", "mailbox")
    letter = found.filter(pk=letter_id).first()
    if letter is None:
        raise NotFound("dead letter")
    deciders.check(visit.actor)
    [card] = shown.cards([letter])
    context = {"letter": card, "is_requeue": verb is dead_letters.requeue, "problem": problem}
    return shell.render(request, visit, "oversight/undelivered_act.html", context, status=status)
