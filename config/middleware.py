"""Gives every request an id that its answer and all its log lines carry."""

import re
import uuid
from collections.abc import Awaitable, Callable

import structlog
from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.http import HttpRequest
from django.http.response import HttpResponseBase

WELL_FORMED = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


class RequestIdMiddleware:
    """Takes a well-formed X-Request-Id over from the caller, else makes one; `request.id` is a string."""

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase | Awaitable[HttpResponseBase]]) -> None:
        self.get_response = get_response
        if iscoroutinefunction(get_response):
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> HttpResponseBase | Awaitable[HttpResponseBase]:
        request_id = _begin(request)
        answer = self.get_response(request)
        if isinstance(answer, HttpResponseBase):
            return _finish(answer, request_id)
        return _finish_later(answer, request_id)


def _begin(request: HttpRequest) -> str:
    given = request.headers.get("X-Request-Id", "")
    request_id = given if WELL_FORMED.fullmatch(given) else uuid.uuid4().hex
    request.id = request_id  # type: ignore[attr-defined]
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(request_id=request_id)
    return request_id


def _finish(response: HttpResponseBase, request_id: str) -> HttpResponseBase:
    response.headers["X-Request-Id"] = request_id
    return response


async def _finish_later(answer: Awaitable[HttpResponseBase], request_id: str) -> HttpResponseBase:
    return _finish(await answer, request_id)
