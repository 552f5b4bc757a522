"""When a deferred recipient is tried again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from messaging.outbound.backoff import GIVE_UP_AFTER, LONGEST_PAUSE, MAX_ATTEMPTS, next_attempt_at

NOW = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.mark.parametrize(("number", "minutes"), [(1, 1), (2, 2), (3, 4), (8, 128), (9, 240), (30, 240)])
def test_the_pause_doubles_from_a_minute_to_four_hours_give_or_take_a_fifth(number: int, minutes: int) -> None:
    pauses = [_pause(number) for _ in range(200)]
    assert timedelta(minutes=minutes) * 0.8 <= min(pauses) < max(pauses) <= timedelta(minutes=minutes) * 1.2


def test_it_is_over_after_five_days_or_forty_attempts() -> None:
    assert next_attempt_at(MAX_ATTEMPTS, first_at=NOW, now=NOW) is None
    assert next_attempt_at(2, first_at=NOW - GIVE_UP_AFTER, now=NOW) is None


def test_forty_attempts_are_enough_for_five_days() -> None:
    assert sum((_pause(number) for number in range(1, MAX_ATTEMPTS)), timedelta()) > GIVE_UP_AFTER - LONGEST_PAUSE


def _pause(number: int) -> timedelta:
    at = next_attempt_at(number, first_at=NOW, now=NOW)
    assert at is not None
    return at - NOW
