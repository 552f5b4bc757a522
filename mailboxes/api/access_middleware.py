"""Notes each call of `/v1` that somebody made with a good key or session, once it is answered."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from functools import lru_cache

from django.http import HttpRequest
from django.http.response import HttpResponseBase

from mailboxes import access_log
from mailboxes.access_writer import Call
from mailboxes.principals import Principal

PREFIX = "/v1/"
PARAMETER = re.compile(r"<(?:\w+:)?(\w+)>")
UNKNOWN = "unknown"  # no address of ours: what stood there is not kept


class AccessLogMiddleware:
    """A stream is noted when it begins. Who was not let in is nobody's call: the server's own log has those."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if not request.path_info.startswith(PREFIX) or not access_log.is_kept():
            return self.get_response(request)
        began = time.monotonic()
        response = self.get_response(request)
        caller = getattr(request, "user", None)
        if isinstance(caller, Principal):
            access_log.note(_call(request, caller, status=response.status_code, began=began))
        return response


@lru_cache(maxsize=512)  # of our own routes there are fewer
def route_of(pattern: str) -> str:
    """A route of Django's as the documentation writes it: `/v1/mailboxes/{id}`."""
    return UNKNOWN if "^" in pattern else "/" + PARAMETER.sub(r"{\1}", pattern)


def _call(request: HttpRequest, caller: Principal, *, status: int, began: float) -> Call:
    match = request.resolver_match
    return Call(
        account_id=caller.account.pk,
        key_id=caller.key.pk if caller.key else None,
        actor=caller.identity,
        method=request.method if request.method in access_log.METHODS else "OTHER",
        route=route_of(match.route)[: access_log.ROUTE_LENGTH] if match else UNKNOWN,
        status=status,
        began=began,
        seconds=time.monotonic() - began,
        named=str(list(match.kwargs.values())[-1]) if match and match.kwargs else "",
        request_id=getattr(request, "id", ""),
    )
