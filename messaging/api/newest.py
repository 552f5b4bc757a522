"""Which messages of a mailbox are asked for, newest first: read along an index, whatever the mailbox holds."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import QuerySet
from rest_framework.request import Request

from mailboxes.api import pagination
from mailboxes.api.pagination import Cursor
from messaging.models import Direction, Message


@dataclass(frozen=True, slots=True)
class MessageFilters:
    """What the query of a list leaves of a mailbox."""

    direction: str | None
    since: datetime | None
    thread_id: UUID | None

    @classmethod
    def read(cls, request: Request) -> MessageFilters:
        """The filters of the query. Raises Invalid for what is none."""
        thread_id = request.query_params.get("threadId")
        return cls(
            direction=pagination.choice(request, "direction", Direction.values),
            since=pagination.moment(request, "since"),
            thread_id=None if thread_id is None else pagination.identity("threadId", thread_id),
        )

    def __str__(self) -> str:
        since = self.since.isoformat() if self.since else ""
        return f"{self.direction or ''}-{since}-{self.thread_id or ''}"


def page(
    messages: QuerySet[Message], filters: MessageFilters, *, after: Cursor | None, skip: int, limit: int
) -> list[tuple[datetime, UUID]]:
    """Moment and id of at most `limit` messages from `after` on, newest first, without the first `skip`."""
    if filters.direction:
        messages = messages.filter(direction=filters.direction)
    if filters.since:
        messages = messages.filter(created_at__gte=filters.since)
    if filters.thread_id:
        messages = messages.filter(thread_id=filters.thread_id)
    if after:
        messages = messages.filter(after.behind("created_at", is_descending=True))
    newest, most = messages.order_by("-created_at", "-id").values_list("created_at", "id"), skip + limit
    if filters.direction or filters.thread_id:
        return list(newest[skip:most])
    # The index of a mailbox goes by direction first, so that who asks for received mail never reads past all that was
    # sent. Here as many of both are read as the page may need, and merged.
    received, sent = (newest.filter(direction=direction)[:most] for direction in Direction.values)
    return list(received.union(sent, all=True).order_by("-created_at", "-id")[skip:most])
