"""Who called the API, apart from the audit: no change is told here, and a call may be missing.

It says when, with which key, what kind of call, and what came of it. It holds no content, no address, no id but those
of account, key and actor, and no word of what was asked: what a call was about is a keyed hash.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.core.cache import cache
from django.db.models import QuerySet

from . import statements
from .access_writer import DROPPED, Call, subject_of, writer
from .models import AccessEntry
from .principals import Principal

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
ROUTE_LENGTH = 120
SWEPT_AT_ONCE = 10_000
OLD = """
DELETE FROM mailboxes_accessentry
WHERE id IN (SELECT id FROM mailboxes_accessentry WHERE at < %(before)s LIMIT %(most)s)
RETURNING id
"""


def is_kept() -> bool:
    return settings.ACCESS_LOG_DAYS > 0


def note(call: Call) -> None:
    """Have one call written down soon; costs no statement here."""
    if is_kept():
        writer.note(call)


def of(actor: Principal, *, subject: UUID | None = None, key_id: UUID | None = None) -> QuerySet[AccessEntry]:
    """The calls in the actor's account, newest first: all, or those about a message or mailbox, or those with a key.

    Needs full access.
    """
    actor.require_full_access()
    found = AccessEntry.objects.filter(account=actor.account).order_by("-at", "-id")
    if subject is not None:
        secrets = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
        found = found.filter(subject__in=[subject_of(str(subject), secret=secret) for secret in secrets])
    return found if key_id is None else found.filter(key_id=key_id)


def dropped() -> int:
    """How many calls were not written down within about a day, in all processes. Raises what the cache raises."""
    found: Any = cache.get(DROPPED, 0)
    return int(found)


def forget_old(*, now: datetime, at_once: int = SWEPT_AT_ONCE) -> int:
    """Remove what is older than ACCESS_LOG_DAYS; how many. In small steps, so that nothing waits for it."""
    named = {"before": now - timedelta(days=settings.ACCESS_LOG_DAYS), "most": at_once}
    count, removed = 0, at_once
    while removed == at_once:
        removed = len(statements.run(OLD, named))
        count += removed
    return count
