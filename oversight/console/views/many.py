"""Many reviews of the queue at once: the ticked ones, or all that match its filters."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST

from mailboxes.errors import Conflict, Invalid, NotFound, Problem
from oversight import bulk, deciders, decisions, pending, reviews, sharing
from oversight.bulk import Named
from oversight.console import keyset, queries, queue_filters, shell, ticked
from oversight.console.forms import shown
from oversight.console.queue_filters import WITHIN, Asked
from oversight.console.ticked import NumberForm, ReasonForm
from oversight.console.visit import Visit, page
from oversight.counting import count
from oversight.lanes import MOST_COUNTED

MOST_SHOWN = 10


@require_POST
@page
def many(request: HttpRequest, visit: Visit) -> HttpResponse:
    """What one of the buttons below the list asks for, with the ticked rows."""
    deciders.check(visit.actor)
    named = ticked.read(request)
    if not named:
        messages.warning(request, "Nothing was ticked. Tick the rows first.")
    elif request.POST.get("act") == "reject":
        return ask_reasons(request, visit, named)
    else:
        messages.success(request, _share(request, visit, [one.id for one in named]))
    return redirect(_list_url(request))


@require_POST
@page
def reject_many(request: HttpRequest, visit: Visit) -> HttpResponse:
    """Reject the ticked rows, for the reason that was chosen."""
    deciders.check(visit.actor)
    named, form = ticked.read(request), ReasonForm(request.POST)
    if not named:
        messages.warning(request, "Nothing was ticked. Tick the rows first.")
        return redirect(_list_url(request))
    if not form.is_valid():
        return ask_reasons(request, visit, named, form=shown(form))
    try:
        batch = bulk.reject(named, reviewer=ticked.reviewer(request, visit), now=visit.now, **form.cleaned_data)
    except Invalid as problem:  # more than one act may decide here
        messages.warning(request, f"{problem.sentence} {problem.fix}")
        return redirect(_list_url(request))
    return redirect("console:batch", batch.pk)


@require_http_methods(["GET", "HEAD", "POST"])
@page
def reject_all(request: HttpRequest, visit: Visit) -> HttpResponse:
    """Reject all that match the filters of the address, if the person types how many these are."""
    deciders.check(visit.actor)
    if request.method != "POST":
        return _ask_number(request, visit)
    form = NumberForm(request.POST)
    if not form.is_valid():
        return _ask_number(request, visit, form=shown(form), status=422)
    words = dict(form.cleaned_data)
    wanted, who = Asked.read(request.GET).wanted(visit.now), ticked.reviewer(request, visit)
    try:
        batch = bulk.reject_all(wanted, words.pop("count"), reviewer=who, now=visit.now, **words)
    except (Conflict, Invalid) as problem:
        return _ask_number(request, visit, form=shown(form), problem=problem, status=problem.status)
    return redirect("console:batch", batch.pk)


def _share(request: HttpRequest, visit: Visit, ids: list[UUID]) -> str:
    """Claim them or put them off; what is said of it."""
    try:
        if request.POST.get("act") == "claim":
            done, word = sharing.claim_all(visit.actor, ids, now=visit.now), "claimed"
        else:
            until = visit.now + WITHIN.get(request.POST.get("for", ""), WITHIN["hour"])
            done, word = sharing.snooze_all(visit.actor, ids, until=until, now=visit.now), "put off"
    except (Conflict, Invalid) as problem:
        return f"{problem.sentence} {problem.fix}"
    left = len(ids) - done
    return f"{done} {word}." + (f" {left} left as they were: they are taken, over, or end before that." if left else "")


def ask_reasons(
    request: HttpRequest, visit: Visit, named: list[Named], *, form: dict[str, Any] | None = None
) -> HttpResponse:
    """What is about to be rejected, and why. Nothing of it has happened."""
    found = reviews.visible(visit.actor).filter(pk__in=[one.id for one in named])
    subjects = dict(found.values_list("pk", "message__subject"))
    here = [one for one in named if one.id in subjects]
    if not here:
        raise NotFound("review")
    context = {
        "action": reverse("console:reject_many"),
        "items": [f"{one.id}:{one.version}" for one in here],
        "subjects": [subjects[one.id] for one in here[:MOST_SHOWN]],
        "more_count": max(len(here) - MOST_SHOWN, 0),
        "count": len(here),
        "list_query": request.POST.get("list", ""),
        "list_url": _list_url(request),
        "reasons": list(decisions.REJECT_REASONS.items()),
        "reject_form": form,
    }
    return shell.render(request, visit, "oversight/reject_many.html", context, section="review", status=_bad(form))


def _ask_number(
    request: HttpRequest,
    visit: Visit,
    *,
    form: dict[str, Any] | None = None,
    problem: Problem | None = None,
    status: int = 200,
) -> HttpResponse:
    """How many match, the first of them, and a field for the number."""
    asked, most = Asked.read(request.GET), settings.BULK_REJECT_MOST
    wanted = asked.wanted(visit.now)
    matching = count(pending.matching(visit.actor, wanted, now=visit.now), most=most)
    first = pending.page(visit.actor, wanted, after=None, limit=MOST_SHOWN, now=visit.now)
    rows = queries.rows(visit, first.ids)
    context = {
        "action": request.get_full_path(),
        "count": matching,
        "most": most,
        "is_too_many": matching > most,
        "subjects": [row.subject for row in rows],
        "more_count": max(matching - len(rows), 0),
        "most_counted": max(most, MOST_COUNTED),
        "described": queue_filters.described(asked, *queries.choices(visit.actor)),
        "list_url": keyset.url(reverse("console:queue"), asked.query),
        "reasons": list(decisions.REJECT_REASONS.items()),
        "reject_form": form,
        "problem": problem,
    }
    return shell.render(request, visit, "oversight/reject_all.html", context, section="review", status=status)


def _bad(form: dict[str, Any] | None) -> int:
    return 422 if form else 200


def _list_url(request: HttpRequest) -> str:
    """The list that the person came from: only its query is taken from the form."""
    return keyset.url(reverse("console:queue"), QueryDict(request.POST.get("list", "")[:2000]), chosen=None)
