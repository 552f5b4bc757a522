"""The event log, page by page."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from django.conf import settings
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers
from rest_framework.request import Request

from mailboxes.api import pagination
from mailboxes.api.base import ApiView
from mailboxes.api.fields import Moment
from mailboxes.api.openapi import operation
from mailboxes.errors import LimitReached
from messaging.events import catalog, log, long_poll
from messaging.events.limits import Lease

from .live import Live, is_live, take_lease

KIND = "application/json"

TYPES = OpenApiParameter(
    "types",
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
PLACE = OpenApiParameter(
    "after",
    {"type": "string"},
    description="`cursor` of the answer before, or the id of any event, however you heard of it. `latest`: nothing but "
    "the cursor of now. Left out: from the oldest that is still told.",
)
LIMIT = OpenApiParameter(
    "limit", {"type": "integer", "minimum": 1, "maximum": log.MOST, "default": log.DEFAULT}, description="Events."
)


WAIT = OpenApiParameter(
    "wait",
    {"type": "integer", "minimum": 0, "maximum": settings.LONG_POLL_SECONDS, "default": 0},
    description="Where the page would be empty, wait so many seconds for something to tell. White space comes first "
    "then, so that nobody takes the connection for dead. Counts as a stream; beyond those you may have, nobody waits.",
)


class ToldSerializer(serializers.Serializer[Any]):
    """One event: the same object in a webhook, in a stream and here."""

    id = serializers.UUIDField(help_text="The place of the event, too: send it as `after` or Last-Event-ID.")
    event = serializers.ChoiceField(choices=tuple(catalog.KINDS))
    timestamp = Moment()
    data = serializers.DictField(help_text="By the kind of event: /docs/events.")  # type: ignore[assignment] # its name


class EventPageSerializer(serializers.Serializer[Any]):
    """A page of the log, oldest event first."""

    events = ToldSerializer(many=True)
    cursor = serializers.CharField(allow_null=True, help_text="As far as was looked: send it as `after`.")
    hasMore = serializers.BooleanField(help_text="The log goes on behind `cursor` already: ask again at once.")


class EventLog(ApiView):
    @operation(
        "listEvents",
        tag="Events",
        parameters=[PLACE, LIMIT, TYPES, MAILBOX_ID, TAGS, WAIT],
        answers={200: EventPageSerializer},
        errors=(400, 403, 404, 410),
    )
    def get(self, request: Request) -> HttpResponseBase:
        """What happened, oldest first, each event once, as far back as EVENT_RETENTION_DAYS.

        A page may be empty or short with `hasMore` true: go on from `cursor`. A scoped key is told of its mailboxes.
        """
        asked = log.ask(self.principal, request.query_params, now=self.now)
        seconds = pagination.number(request.query_params, "wait", default=0, least=0, most=settings.LONG_POLL_SECONDS)
        page = log.read(asked, now=self.now)
        if seconds and not page.told and not page.has_more and is_live(request) and (lease := self._find_lease()):
            key_id = self.principal.key.pk if self.principal.key is not None else None
            later = long_poll.parts(replace(asked, after=page.last), lease, key_id=key_id, seconds=seconds)
            return Live(later, lease, kind=KIND)
        return HttpResponse(log.answer(asked.account_id, page), content_type=KIND)

    def _find_lease(self) -> Lease | None:
        try:
            return take_lease(self.principal)
        except LimitReached:
            return None
