"""How many listen at once with one key and in one account, counted over all processes.

A listener holds a place of each for as long as its process says so: a place is an entry of the cache that expires.
While the cache is away each process counts its own.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from uuid import UUID, uuid4

import structlog
from django.conf import settings
from django.core.cache import cache
from django.core.cache.backends.base import BaseCache
from django.core.cache.backends.locmem import LocMemCache
from redis.exceptions import RedisError

from mailboxes.errors import LimitReached
from messaging.silence import Silence

log = structlog.get_logger(__name__)

# A process that was killed gives its places back after this; `renew` comes by several times in between.
PLACE_SECONDS = 20
RETRY_SECONDS = 30

_silence = Silence()
_own = LocMemCache("events-places", {"OPTIONS": {"MAX_ENTRIES": 100_000}})
_held: dict[str, str] = {}
_holding = threading.Lock()


class Lease:
    """A listener's places, for as long as they are held, and PLACE_SECONDS before."""

    def __init__(self, places: list[str], token: str) -> None:
        self._places = places
        self._token = token

    @contextmanager
    def held(self) -> Iterator[None]:
        """Renewed meanwhile. Not from the beginning: an answer that is never sent would hold them for good."""
        with _holding:
            _held.update(dict.fromkeys(self._places, self._token))
        try:
            yield
        finally:
            with _holding:
                for place in self._places:
                    _held.pop(place, None)

    def release(self) -> None:
        """Give them back. May wait for the cache: not on the event loop."""
        _everywhere(self._delete_own)

    def _delete_own(self, counted: BaseCache) -> None:
        """What expired meanwhile may be somebody else's by now."""
        found = counted.get_many(self._places)
        counted.delete_many([place for place, token in found.items() if token == self._token])


def take(*, key: object, account_id: UUID) -> Lease:
    """A place of the key and one of the account. Raises LimitReached (429, with Retry-After).

    `key` is what the listener came with: a key's id, or who they are.
    """
    token = uuid4().hex
    taken: list[str] = []
    for name, most in ((f"key:{key}", settings.SSE_PER_KEY), (f"account:{account_id}", settings.SSE_PER_ACCOUNT)):
        place = _find_place(name, most, token)
        if place is None:
            _everywhere(lambda one: one.delete_many(taken))
            raise LimitReached(
                f"There are {most} streams open already with this {name.partition(':')[0]}.",
                code="too_many_streams",
                fix="Close one, or listen with one stream for several mailboxes.",
                headers={"Retry-After": str(RETRY_SECONDS)},
            )
        taken.append(place)
    return Lease(taken, token)


def renew() -> None:
    """Say that the listeners of this process are still there."""
    with _holding:
        held = dict(_held)
    if held:
        _everywhere(lambda one: one.set_many(held, timeout=PLACE_SECONDS))


def _find_place(name: str, most: int, token: str) -> str | None:
    """A free place of `most`, taken; they are tried from a random one on, so that few are asked for."""
    first = random.randrange(most) if most else 0  # noqa: S311 - no secret
    for number in range(most):
        place = f"listener:{name}:{(first + number) % most}"
        if _add(place, token):
            return place
    return None


def _add(place: str, token: str) -> bool:
    """Whether the place was free in this process, and in the others as far as they can be asked."""
    if not _own.add(place, token, timeout=PLACE_SECONDS):
        return False
    if _silence.is_kept():
        return True
    try:
        if cache.add(place, token, timeout=PLACE_SECONDS):
            return True
    except (RedisError, OSError) as error:
        _fall_silent(error)
        return True
    _own.delete(place)
    return False


def _everywhere(act: Callable[[BaseCache], object]) -> None:
    act(_own)
    if not _silence.is_kept():
        try:
            act(cache)
        except (RedisError, OSError) as error:
            _fall_silent(error)


def _fall_silent(error: Exception) -> None:
    _silence.begin()
    log.warning("events.counted_here_only", error=str(error))
