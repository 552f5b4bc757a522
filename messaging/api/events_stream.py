"""The event stream."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from django.core.handlers.asgi import ASGIRequest
from django.http import StreamingHttpResponse
from django.http.response import HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse
from rest_framework.request import Request

from mailboxes.api.base import ApiView
from mailboxes.api.errors import PlainProblem
from mailboxes.api.openapi import operation
from mailboxes.principals import Principal
from messaging.events import cursors, filters, limits, sse
from messaging.events.limits import Lease
from messaging.events.sse import Asked

KIND = "text/event-stream"
# Nobody between us and the client may keep frames back, or press them together until there are enough.
UNBUFFERED = {"Cache-Control": "no-cache, no-transform", "X-Accel-Buffering": "no"}
LAST_EVENT_ID = OpenApiParameter(
    "Last-Event-ID",
    {"type": "string"},
    OpenApiParameter.HEADER,
    description="The id of the last event that you have dealt with: all that came after it is told first.",
)
EVENTS = OpenApiParameter(
    "events",
    {"type": "string"},
    description="Names of events with commas between them; `*` is all. Left out: the five `message.received`, "
    "`.sent`, `.delivered`, `.bounced` and `.complaint`.",
)
MAILBOX_ID = OpenApiParameter("mailboxId", {"type": "string"}, description="Only events of this mailbox.")
TAGS = OpenApiParameter(
    "tags",
    {"type": "string"},
    description="With commas between them: only events about messages that carry one of them, or answer one that does.",
)


class Live(StreamingHttpResponse):
    """A body that comes from the event loop while a lease is held; the lease ends with it."""

    def __init__(self, parts: AsyncIterator[bytes], lease: Lease, *, kind: str) -> None:
        super().__init__(parts, content_type=kind, headers=UNBUFFERED)
        self._parts, self._lease = parts, lease

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self._parts  # as it is: Django would wrap it twice

    def close(self) -> None:
        super().close()
        self._lease.release()


def is_live(request: Request) -> bool:
    """Whether there is an event loop to answer from, as under Daphne; gunicorn has none."""
    return isinstance(request._request, ASGIRequest)


def take_lease(principal: Principal) -> Lease:
    """The right to listen with this key. Raises LimitReached."""
    key = principal.key.pk if principal.key is not None else principal.identity
    return limits.take(key=key, account_id=principal.account.pk)


class EventStream(ApiView):
    http_method_names = ("get",)  # a HEAD would listen to nothing for as long

    @operation(
        "streamEvents",
        tag="Events",
        parameters=[EVENTS, MAILBOX_ID, TAGS, LAST_EVENT_ID],
        answers={(200, KIND): OpenApiResponse(OpenApiTypes.STR, "Frames of `id`, `event`, `data`, until `reconnect`.")},
        errors=(400, 403, 404, 429, 503),
    )
    def get(self, request: Request) -> HttpResponseBase:
        """What happens, as server-sent events, for some four minutes: `event: reconnect` says that it is over.

        Connect again with Last-Event-ID, and you are told what you missed, then what happens: every event once, in
        order, as far back as EVENT_RETENTION_DAYS. An id that is not (or no longer) known is answered by `event: reset`
        with the reason, and what happens from then on. A scoped key is told of its mailboxes.
        """
        query = request.query_params
        wanted = filters.of(
            self.principal,
            events=query.get("events", ""),
            mailbox_id=query.get("mailboxId", ""),
            tags=query.get("tags", ""),
        )
        if not is_live(request):
            raise PlainProblem(
                503,
                "streams_elsewhere",
                "This process can't hold streams open: it is the one for short answers.",
                fix="The operator sends /v1/events to `process live` (nginx.conf); until then GET /v1/events/log.",
            )
        asked = self._asked(request, wanted)
        lease = take_lease(self.principal)
        return Live(sse.frames(asked, lease), lease, kind=KIND)

    def _asked(self, request: Request, wanted: filters.Filter) -> Asked:
        account_id = self.principal.account.pk
        key_id = self.principal.key.pk if self.principal.key is not None else None
        last = request.headers.get("Last-Event-ID", "")
        if last:
            try:
                after = cursors.find(account_id, last, now=self.now)
                return Asked(wanted, account_id, key_id, after)
            except cursors.Lost as gone:
                return Asked(wanted, account_id, key_id, cursors.newest(account_id), lost=gone.reason)
        return Asked(wanted, account_id, key_id, cursors.newest(account_id))

    def _tell_usage(self, response: Any) -> None:
        if not response.streaming:
            super()._tell_usage(response)
