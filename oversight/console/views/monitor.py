"""`/monitor/`: what the agents sent, newest first."""

from __future__ import annotations

from dataclasses import replace

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_safe

from oversight import monitoring
from oversight.console import conversations, keyset, shell
from oversight.console.cards import Filter
from oversight.console.visit import SEEN, Visit, page
from oversight.monitoring import MOST_COUNTED

WAYS = (("", "All"), ("monitored", "Monitored"), ("autonomous", "Autonomous"), ("approved", "Approved by people"))


@require_safe
@page
def monitor(request: HttpRequest, visit: Visit) -> HttpResponse:
    here = reverse("console:monitor")
    way = request.GET.get("way", "")
    # What waits for a person is no send yet: however much of it there is, a page looks through so many and no more.
    part = keyset.search(
        conversations.with_outcome(monitoring.sends(visit.actor, way=way)),
        monitoring.outgoing(visit.actor, way=way),
        "created_at",
        request.GET.get("after", ""),
        is_descending=True,
    )
    request.session[SEEN] = visit.now.isoformat()
    numbers = monitoring.last_hour(visit.actor, now=visit.now)
    context = {
        "items": conversations.feed(part.rows, visit),
        "filters": [
            Filter(keyset.url(here, request.GET, way=value or None, after=None), label, way == value)
            for value, label in WAYS
        ],
        "counts": [
            ("sent in the last hour" if numbers.is_whole else f"sent of the newest {MOST_COUNTED + 1:,}", numbers.sent),
            ("on the way", numbers.waiting),
            ("failed or unknown", numbers.failed),
        ],
        "pager": part.pager(here, request.GET),
        "shell": shell.of(replace(visit, seen_at=visit.now)),
    }
    return shell.render(request, visit, "oversight/monitor.html", context, section="monitor")
