"""Where a page by `offset` ended, remembered for the next one: who reads in order skips nothing again.

Kept in the cache, for a walk of pages in one list by one key. Where nothing is remembered the rows are skipped one by
one: `offset` is always answered, and only a leap into the depth of a long list costs what it skips.
"""

from __future__ import annotations

import structlog
from django.core.cache import cache
from redis.exceptions import RedisError

from mailboxes.principals import Principal

from . import pagination
from .pagination import Cursor

# Before that skipping costs less than the cache, and an offset is counted from the newest row exactly.
REMEMBERED_FROM = 500
KEPT_SECONDS = 600

log = structlog.get_logger(__name__)


def walk(principal: Principal, *names: object) -> str:
    """The name of one caller's way through one list; `names` are the list and its filters."""
    caller = principal.key.pk if principal.key else principal.identity
    return "-".join(["place", str(caller), *(str(name) for name in names)]).replace(" ", "T")


def find(name: str, offset: int) -> Cursor | None:
    """The row after which the page at `offset` begins, if the page before it was read in the last ten minutes."""
    if offset < REMEMBERED_FROM:
        return None
    try:
        return pagination.cursor(cache.get(f"{name}-{offset}"))
    except (RedisError, OSError) as error:
        log.warning("place.unknown", error=str(error))
        return None


def keep(name: str, offset: int, cursor: Cursor) -> None:
    """Remember that the page at `offset` begins after `cursor`."""
    if offset < REMEMBERED_FROM:
        return
    try:
        cache.set(f"{name}-{offset}", cursor.text(), timeout=KEPT_SECONDS)
    except (RedisError, OSError) as error:
        log.warning("place.forgotten", error=str(error))
