"""A file fetched from where somebody else keeps it, once, through the guard against our own network."""

from __future__ import annotations

import threading
import time

from django.conf import settings

from mailboxes.errors import Invalid
from mailboxes.outages import Unavailable
from messaging import safe_http
from messaging.safe_http import Failure

from . import incoming
from .incoming import Incoming

# For all files of one send.
SECONDS = 20.0
# Others' slow servers must not hold every thread that answers requests.
AT_ONCE = 8
WAIT_SECONDS = 2.0
_fetching = threading.BoundedSemaphore(AT_ONCE)


def fetch(url: str, *, filename: str, field: str, room: int, until: float) -> Incoming:
    """The file at `url`, of `room` bytes at most, before `until` (monotonic). Raises Invalid, naming field and URL."""
    if not _fetching.acquire(timeout=WAIT_SECONDS):
        sentence = "Too many files are being fetched right now; nothing was done."
        raise Unavailable(sentence, code="busy", fix="Try again.", headers={"Retry-After": "5"})
    try:
        fetched = safe_http.fetch(url, max_bytes=min(room, settings.MAX_FILE_BYTES), seconds=until - time.monotonic())
    except Failure as failure:
        raise _not_fetched(url, field, failure.sentence, reason=failure.code) from failure
    finally:
        _fetching.release()
    if fetched.status != 200:
        raise _not_fetched(url, field, f"The server answered {fetched.status}.", reason="status")
    declared = fetched.headers.get("content-type", "")
    return incoming.of(fetched.content, filename=filename, content_type=declared, limit=settings.MAX_FILE_BYTES)


def _not_fetched(url: str, field: str, why: str, *, reason: str) -> Invalid:
    return Invalid(
        f"{field}: the file at this URL was not fetched. {why}",
        code="attachment_not_fetched",
        fix="Correct the URL, or upload the file by POST /v1/attachments.",
        field=field,
        url=url[:2048],
        reason=reason,
    )
