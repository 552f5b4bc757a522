"""The page for what nobody caught: 503 while the database is at fault, 500 otherwise. The log knows why."""

import sys

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.template.loader import render_to_string
from django.views.defaults import server_error

from mailboxes.outages import find_outage


def failed(request: HttpRequest) -> HttpResponseBase:
    """Django asks for it while it handles the exception, wherever that came from: view, template or middleware."""
    outage = find_outage(sys.exc_info()[1])
    if outage is None:
        return server_error(request)
    page = render_to_string("503.html", {"code": outage.code})
    return HttpResponse(page, status=outage.status, headers=outage.headers)
