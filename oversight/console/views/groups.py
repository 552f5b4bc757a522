"""`/review/groups/<id>/`: what says the same, approved after samples or rejected, by one act."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.conf import settings
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from mailboxes.errors import Conflict, Invalid, Problem
from mailboxes.ids import parse_id
from oversight import bulk, groups
from oversight.bulk import Named
from oversight.console import group_table, keyset, shell, ticked
from oversight.console.group_table import Table
from oversight.console.views.many import ask_reasons
from oversight.console.visit import Visit, is_htmx, page
from oversight.groups import Group
from oversight.policy import likeness

OUT = "out"  # of the query: a mail that is left out


@require_http_methods(["GET", "HEAD", "POST"])
@page
def group(request: HttpRequest, visit: Visit, group_id: str) -> HttpResponse:
    found = groups.get(visit.actor, group_id, now=visit.now)
    if request.method != "POST":
        return _show(request, visit, found, out=_left_out(request.GET))
    named, act = ticked.read(request), request.POST.get("act")
    out = _unticked(request, named)
    if act == "reject" and named:
        return ask_reasons(request, visit, named)
    if act == "approve" and named:
        return _approve(request, visit, found, named)
    return redirect(_address(group_id, out))


def _approve(request: HttpRequest, visit: Visit, found: Group, named: list[Named]) -> HttpResponse:
    try:
        batch = bulk.approve(found.id, named, reviewer=ticked.reviewer(request, visit), now=visit.now)
    except (Conflict, Invalid) as problem:
        out = _unticked(request, named)
        return _show(request, visit, found, out=out, problem=problem, status=problem.status)
    return redirect("console:batch", batch.pk)


def _show(
    request: HttpRequest,
    visit: Visit,
    found: Group,
    *,
    out: set[UUID],
    problem: Problem | None = None,
    status: int = 200,
) -> HttpResponse:
    table = group_table.of(visit.actor, found, out=out, most=settings.BULK_APPROVE_MOST)
    context = _to_open(table) | {
        "group": found,
        "table": table,
        "problem": problem,
        "here": _address(found.id, out),
        "hidden_count": max(len(found.approvable) - len(table.lines), 0),
        "unlisted_count": found.size - len(found.members),
    }
    response = shell.render(request, visit, "oversight/group.html", context, section="review", status=status)
    if is_htmx(request):
        response["HX-Replace-Url"] = context["here"]  # who comes back from a sample finds the same rows left out
    return response


def _to_open(table: Table) -> dict[str, Any]:
    """How many of the ticked are still to be opened: enough of them, and each that differs."""
    chosen = [line for line in table.lines if line.is_chosen]
    opened = sum(line.is_opened for line in chosen)
    needed = likeness.samples_needed(len(chosen))
    differing = sum(bool(line.differs) and not line.is_opened for line in chosen)
    return {
        "chosen_count": len(chosen),
        "opened_count": opened,
        "needed_count": needed,
        "to_open_count": max(needed - opened, differing),
        "differing_count": differing,
    }


def _left_out(query: QueryDict) -> set[UUID]:
    return {found for found in map(parse_id, query.getlist(OUT)[: ticked.MOST]) if found}


def _unticked(request: HttpRequest, named: list[Named]) -> set[UUID]:
    """Those of the rows that the page showed that are not ticked now."""
    shown = {found for found in map(parse_id, request.POST.getlist("shown")[: ticked.MOST]) if found}
    return shown - {one.id for one in named}


def _address(group_id: str, out: set[UUID]) -> str:
    query = QueryDict(mutable=True)
    query.setlist(OUT, sorted(map(str, out)))
    return keyset.url(reverse("console:group", args=[group_id]), query)
