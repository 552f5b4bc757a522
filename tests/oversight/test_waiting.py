"""`Prefer: wait` is a preference: those who wait leave threads to those who work."""

from __future__ import annotations

import time

import pytest

from oversight.api import waiting
from tests import builders

pytestmark = pytest.mark.django_db(transaction=True)


def test_who_finds_every_place_taken_is_answered_at_once_and_the_places_come_back() -> None:
    message = builders.submit(builders.tenant())
    for _ in range(waiting.MAX_WAITING):
        assert waiting.places.acquire(blocking=False)
    try:
        begun = time.monotonic()
        waiting.for_outcome(message.pk, seconds=60)
        assert time.monotonic() - begun < 30
    finally:
        waiting.places.release(waiting.MAX_WAITING)
    waiting.for_outcome(message.pk, seconds=0.2)
    assert all(waiting.places.acquire(blocking=False) for _ in range(waiting.MAX_WAITING))
    waiting.places.release(waiting.MAX_WAITING)
