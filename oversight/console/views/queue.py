"""`/review/`: what waits for a person; filters, sort and place stand in the address."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse, QueryDict
from django.urls import reverse
from django.views.decorators.http import require_safe

from oversight import lanes, pending
from oversight.console import keyset, queries, queue_filters, shell
from oversight.console.cards import Filter
from oversight.console.keyset import Pager, Position
from oversight.console.queue_filters import SPANS, Asked
from oversight.console.visit import Visit, page
from oversight.counting import count
from oversight.lanes import MOST_COUNTED, Sorts
from oversight.pending import LETTERS, Page, Place

CHOSEN = "chosen"  # of the query: all rows of the page come ticked, for whoever has no script


@require_safe
@page
def queue(request: HttpRequest, visit: Visit) -> HttpResponse:
    asked = Asked.read(request.GET)
    letter, position = _position(request.GET.get("after", ""), is_by_risk=asked.is_by_risk)
    found = pending.page(
        visit.actor,
        asked.wanted(visit.now),
        after=Place(position.moment, position.id, LETTERS.get(letter)) if position else None,
        is_by_risk=asked.is_by_risk,
        limit=keyset.PAGE_SIZE,
        now=visit.now,
    )
    around, sorts = shell.of(visit), lanes.waiting(visit.actor, now=visit.now)
    rows = queries.rows(visit, found.ids)
    here, total = reverse("console:queue"), _total(visit, asked, sorts)
    context = {
        "shell": around,
        "reviews": rows,
        "pending_count": around.pending_count,
        "filters": _filters(asked, sorts),
        "asked": asked,
        "sorts": queue_filters.SORTS,
        "selects": queue_filters.selects(asked, *queries.choices(visit.actor), sorts.rules),
        "search_url": here,
        "query": asked.get("q"),
        "tag": asked.get("tag"),
        "kept": [(name, asked.get(name)) for name in queue_filters.WITHOUT_FIELD if asked.get(name)],
        "has_filters": bool(asked),
        "is_narrowed": asked.is_narrowed,
        "spans": SPANS,
        "list_url": keyset.url(here, request.GET, after=None, chosen=None),
        "list_query": request.GET.urlencode(),
        "all_url": keyset.url(reverse("console:reject_all"), asked.query),
        "all_count": total,
        "most_counted": MOST_COUNTED,
        "choose_url": keyset.url(here, request.GET, chosen="page"),
        "is_chosen": request.GET.get(CHOSEN) == "page",
        "pager": _pager(request, found, position, total),
        "last_decision": None if rows else _last_decision(visit),
        "can_decide": visit.member.may_decide,
        "may_choose": visit.member.may_decide,
    }
    return shell.render(request, visit, "oversight/queue.html", context, section="review")


def _position(after: str, *, is_by_risk: bool) -> tuple[str, Position | None]:
    """The place that the address names; the beginning for anything unreadable."""
    letter, rest = (after[:1], after[1:]) if is_by_risk else ("", after)
    return (letter, keyset.read(rest)) if not is_by_risk or letter in LETTERS else ("", None)


def _pager(request: HttpRequest, found: Page, position: Position | None, total: int | None) -> Pager | None:
    here, query = reverse("console:queue"), request.GET.copy()
    query.pop(CHOSEN, None)
    if position is None and found.next is None:
        return None
    before = position.rows_count if position else 0
    last = before + len(found.ids)
    following = ""
    if found.next:
        letter = found.next.risk.value[0] if found.next.risk else ""
        following = keyset.url(here, query, after=f"{letter}{Position(found.next.moment, found.next.id, last)}")
    return Pager(
        text=keyset.extent(before, len(found.ids), total=total, most=MOST_COUNTED, is_cut=found.is_cut),
        previous_url=keyset.url(here, query, after=None) if position else "",
        next_url=following,
    )


def _total(visit: Visit, asked: Asked, sorts: Sorts) -> int | None:
    """How many match, as far as it costs no more than reading along an index; None where one must look at each."""
    wanted = asked.wanted(visit.now)
    if not asked:
        return sorts.count
    if set(asked.values) == {"lane"}:
        return next((lane.count for lane in sorts.lanes if lane.name == wanted.lane), 0)
    if pending.is_search(wanted):
        return None
    return count(pending.matching(visit.actor, wanted, now=visit.now), most=MOST_COUNTED)


def _filters(asked: Asked, sorts: Sorts) -> list[Filter]:
    """The lanes as tabs, and what one looks for most often; each leaves the other filters behind."""
    here, now = reverse("console:queue"), dict(asked.values)

    def link(label: str, count: int | None = None, *, is_total: bool = False, **query: str) -> Filter:
        url = here + (f"?{_encoded(query, asked)}" if query or asked.is_by_risk else "")
        is_current = query["lane"] == now.get("lane") if "lane" in query else now == query
        return Filter(url, label, is_current, count, is_total, MOST_COUNTED)

    return [
        link("All", sorts.count, is_total=True),
        *(link(queue_filters.in_words(lane.name), lane.count, lane=lane.name) for lane in sorts.lanes),
        link("Expires within the hour", sorts.soon_count, expires="hour"),
        link("Mine", claimed="me"),
        link("Put off", snoozed="true"),
    ]


def _encoded(query: dict[str, str], asked: Asked) -> str:
    encoded = QueryDict(mutable=True)
    encoded.update(query | ({"sort": queue_filters.RISK} if asked.is_by_risk else {}))
    return encoded.urlencode()


def _last_decision(visit: Visit) -> dict[str, object] | None:
    review = queries.last_decided(visit.actor)
    return {"at": review.decided_at, "by": review.decided_by} if review else None
