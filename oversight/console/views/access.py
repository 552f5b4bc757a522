"""`/access/`: who called the API, for owners and admins."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_safe

from mailboxes import access_log
from oversight.console import calls, shell
from oversight.console.calls import Filters
from oversight.console.visit import Visit, page


@require_safe
@page
def access(request: HttpRequest, visit: Visit) -> HttpResponse:
    filters, here = Filters.read(request.GET), reverse("console:access")
    part = calls.page_of(visit, filters, request.GET.get("after", ""))
    account = visit.member.account
    context = {
        "calls": calls.rows(account, part.rows),
        "is_filtered": filters != Filters(),
        "is_kept": access_log.is_kept(),
        "days": settings.ACCESS_LOG_DAYS,
        "selects": [
            {"name": "key", "label": "Key", "options": calls.key_options(account), "current": filters.key},
            {"name": "status", "label": "Answer", "options": calls.STATUSES.items(), "current": filters.status},
        ],
        "query": filters.route,
        "search_url": here,
        "pager": part.pager(here, request.GET),
    }
    return shell.render(request, visit, "oversight/access.html", context)
