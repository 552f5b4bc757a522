"""The event stream."""

from __future__ import annotations

from typing import Any

from django.http.response import HttpResponseBase
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse
from rest_framework.request import Request

from mailboxes.api.base import ApiView
from mailboxes.api.errors import PlainProblem
from mailboxes.api.openapi import operation
from messaging.events import cursors, filters, sse
from messaging.events.sse import Asked

from .events_log import MAILBOX_ID, TAGS, TYPES
from .live import Live, is_live, take_lease

KIND = "text/event-stream"
LAST_EVENT_ID = OpenApiParameter(
    "Last-Event-ID",
    {"type": "string"},
    OpenApiParameter.HEADER,
    description="The id of the last event that you have dealt with: all that came after it is told first.",
)
# What one frame says; clients make an object of it (WHATWG HTML, section 9.2).
FRAME = {
    "type": "object",
    "properties": {
        "id": {"type": "string"},
        "event": {"type": "string", "description": "The kind of event; `reset` and `reconnect` are ours."},
        "data": {"type": "string", "description": "The event as JSON, as in webhooks and the log."},
        "retry": {"type": "integer", "description": "How many milliseconds to wait before coming back."},
    },
}
EVENTS = OpenApiParameter("events", {"type": "string"}, description=TYPES.description)


class EventStream(ApiView):
    http_method_names = ("get",)  # a HEAD would listen to nothing for as long

    @operation(
        "streamEvents",
        tag="Events",
        parameters=[EVENTS, MAILBOX_ID, TAGS, LAST_EVENT_ID],
        answers={(200, KIND): OpenApiResponse(FRAME, "Frames of `id`, `event`, `data`, until `reconnect`.")},
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
