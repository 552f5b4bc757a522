"""`/live/since/`: the same frames as the socket, for pages that have none."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_safe

from mailboxes.ids import parse_id
from oversight.console import live
from oversight.console.visit import Visit, page


@require_safe
@page
def since(request: HttpRequest, visit: Visit) -> HttpResponse:
    if parse_id(request.GET.get("account")) != visit.member.account_id:
        return HttpResponse(status=401)  # this tab shows an account that the session has left
    cursor = request.GET.get("cursor", "")
    is_number = cursor.isascii() and cursor.isdigit() and len(cursor) < 19
    return JsonResponse(live.frame(visit, int(cursor) if is_number else 0).message)
