"""How many may listen at once, whichever process they come to, and whether or not the cache is there."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from django.core.cache import cache, caches
from pytest_django import Settings

from mailboxes.errors import LimitReached
from messaging.events import limits
from messaging.events.limits import Lease
from messaging.silence import Silence
from tests.valkey import running_valkey

ACCOUNT = UUID(int=1)


@pytest.fixture(autouse=True)
def _fresh(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.SSE_PER_KEY, settings.SSE_PER_ACCOUNT = 2, 3
    monkeypatch.setattr(limits, "_silence", Silence())
    cache.clear()
    limits._own.clear()


@pytest.fixture
def shared(settings: Settings, tmp_path: Path) -> Iterator[None]:
    """A cache as in production; what this process counts by itself is forgotten as by another process."""
    with running_valkey(tmp_path) as url:
        use(settings, url)
        yield
        caches.close_all()


def use(settings: Settings, url: str) -> None:
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": url}}


def take(key: str) -> Lease:
    return limits.take(key=key, account_id=ACCOUNT)


def test_a_key_has_its_places_and_no_more_until_one_is_given_back() -> None:
    """A59."""
    first, _ = take("a"), take("a")
    with pytest.raises(LimitReached) as refused:
        take("a")
    assert int(refused.value.headers["Retry-After"]) > 0
    first.release()
    take("a")


def test_all_keys_of_an_account_share_its_places() -> None:
    for key in ("a", "a", "b"):
        take(key)
    with pytest.raises(LimitReached, match="account"):
        take("c")
    limits.take(key="c", account_id=uuid4())


def test_who_is_refused_by_the_account_holds_no_place_of_the_key(settings: Settings) -> None:
    leases = [take(key) for key in ("a", "a", "b")]
    for _ in range(3):
        with pytest.raises(LimitReached):
            take("c")
    leases[0].release()
    take("c")


@pytest.mark.usefixtures("shared")
def test_who_gives_back_what_expired_long_ago_takes_nothing_from_others() -> None:
    late = [take("a"), take("a")]
    cache.clear()
    limits._own.clear()
    assert [take("a"), take("a")]
    for one in late:
        one.release()
    with pytest.raises(LimitReached):
        take("a")


@pytest.mark.usefixtures("shared")
def test_places_are_counted_over_all_processes() -> None:
    take("a"), take("a")
    limits._own.clear()  # as another process has it
    with pytest.raises(LimitReached):
        take("a")


@pytest.mark.usefixtures("shared")
def test_what_a_killed_process_held_is_free_after_a_while_and_what_is_held_is_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(limits, "PLACE_SECONDS", 1)
    take("a")
    held = take("a")
    monkeypatch.setattr(limits, "PLACE_SECONDS", 3600)
    with held.held():
        limits.renew()
        time.sleep(1.5)  # what was not renewed is free by then, also where it was to be renewed
        take_when_free("a")
        with pytest.raises(LimitReached):
            take("a")


def take_when_free(key: str) -> None:
    until = time.monotonic() + 60
    while True:
        with suppress(LimitReached):
            take(key)
            return
        assert time.monotonic() < until, "nothing becomes free"
        time.sleep(0.1)


def test_without_the_cache_a_process_counts_its_own(settings: Settings, tmp_path: Path) -> None:
    use(settings, f"unix://{tmp_path}/nobody.sock")
    leases = [take("a"), take("a")]
    with pytest.raises(LimitReached):
        take("a")
    leases[0].release()
    take("a")
