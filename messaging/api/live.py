"""Answers that come from the event loop for as long as somebody listens."""

from __future__ import annotations

from collections.abc import AsyncIterator

from django.core.handlers.asgi import ASGIRequest
from django.http import StreamingHttpResponse
from rest_framework.request import Request

from mailboxes.principals import Principal
from messaging.events import limits
from messaging.events.limits import Lease

# Nobody between us and the client may keep parts back, or press them together until there are enough.
UNBUFFERED = {"Cache-Control": "no-cache, no-transform", "X-Accel-Buffering": "no"}


class Live(StreamingHttpResponse):
    """A body that holds a lease, which ends with it. It costs no thread and no connection to the database."""

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
