"""`/review/`: what waits for a person, what expires first on top."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse, QueryDict
from django.urls import reverse
from django.views.decorators.http import require_safe

from oversight.console import keyset, queries, shell
from oversight.console.cards import Filter, Select
from oversight.console.queries import Filters
from oversight.console.visit import Visit, page
from oversight.counting import count
from oversight.models import Review

RISKS = [("high", "High"), ("medium", "Medium"), ("low", "Low")]
LOOKING = [("me", "Me"), ("anybody", "Anybody"), ("nobody", "Nobody")]


@require_safe
@page
def queue(request: HttpRequest, visit: Visit) -> HttpResponse:
    here = reverse("console:queue")
    filters = Filters.read(request.GET)
    found = queries.waiting(visit, filters)
    after, around = request.GET.get("after", ""), shell.of(visit)
    part: keyset.Slice[Review]
    total: int | None
    if filters.is_search:
        through = queries.looked_through(visit, filters)
        part, total = keyset.search(queries.with_mail(found), through, "expires_at", after), None
    else:
        part = keyset.cut(queries.with_mail(found), "expires_at", after)
        total = count(found) if filters else around.pending_count
    context = {
        "shell": around,
        "reviews": queries.rows(part.rows, actor=visit.actor, now=visit.now),
        "pending_count": around.pending_count,
        "filters": _filters(visit, filters, around.pending_count),
        "selects": _selects(visit, filters),
        "kept": _kept(filters),
        "query": filters.text,
        "has_filters": bool(filters),
        "search_url": here,
        "list_url": keyset.url(here, request.GET, after=None),
        "pager": part.pager(here, request.GET, total=total),
        "last_decision": None if part.rows else _last_decision(visit),
        "can_decide": visit.member.may_decide,
    }
    return shell.render(request, visit, "oversight/queue.html", context, section="review")


def _filters(visit: Visit, filters: Filters, pending_count: int) -> list[Filter]:
    here = reverse("console:queue")
    soon = keyset.url(here, QueryDict("expires=hour"))
    return [
        Filter(here, "All", not filters, pending_count, is_total=True),
        Filter(soon, "Expires within the hour", filters.is_expiring, queries.expiring_count(visit)),
        Filter(keyset.url(here, QueryDict("snoozed=true")), "Put off", filters.is_snoozed),
    ]


def _kept(filters: Filters) -> list[tuple[str, str]]:
    """What the form has no field for, and keeps."""
    kept = {"lane": filters.lane, "rule": filters.rule, "snoozed": "true" if filters.is_snoozed else ""}
    kept["expires"] = "hour" if filters.is_expiring else ""
    return [(name, value) for name, value in kept.items() if value]


def _selects(visit: Visit, filters: Filters) -> list[Select]:
    boxes, agents = queries.choices(visit.actor)
    choices = (
        Select("mailbox", "Mailbox", boxes, filters.mailbox),
        Select("agent", "Agent", agents, filters.agent),
        Select("risk", "Risk", RISKS, filters.risk),
        Select("claimed", "Looked at by", LOOKING, filters.claimed),
    )
    return [select for select in choices if len(select.options) > 1 or select.current]


def _last_decision(visit: Visit) -> dict[str, object] | None:
    review = queries.last_decided(visit.actor)
    return {"at": review.decided_at, "by": review.decided_by} if review else None
