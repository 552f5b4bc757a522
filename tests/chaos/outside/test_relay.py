"""The relay is slow, or goes away and comes back."""

from __future__ import annotations

import time

import pytest

from tests.chaos.outside.conftest import Note
from tests.chaos.outside.stack import Stack

pytestmark = pytest.mark.chaos


def test_the_relay_is_slow(stack: Stack, note: Note) -> None:
    """Accepting does not wait for the relay; what it has in hand when the load ends goes out."""
    with stack.relay.moody("-w", "1"), stack.load(6) as load:
        time.sleep(12)
        load.stop()
        waiting = stack.unsettled(load.accepted)
    assert set(load.statuses()) == {201}
    note(waiting_at_the_end_of_the_load=waiting, slowest_answer=load.slowest(), **stack.verdict(load, within=120))
    assert load.slowest() < 5
    stack.until_well(60)


def test_the_relay_goes_away_and_comes_back(stack: Stack, note: Note) -> None:
    """What can't be handed over is deferred, with a reason and a time; nothing is given up, nothing goes twice."""
    with stack.load() as load:
        time.sleep(3)
        with stack.relay.away():
            time.sleep(8)
        time.sleep(3)
    assert set(load.statuses()) == {201}
    time.sleep(2)
    rows = stack.rows("SELECT code, next_at IS NOT NULL FROM messaging_recipient WHERE state = 'deferred'")
    assert rows
    assert all(code and has_time for code, has_time in rows)
    # The time of the next attempt has come.
    stack.rows("UPDATE messaging_recipient SET next_at = clock_timestamp() WHERE state = 'deferred'")
    note(deferred=len(rows), codes=sorted({code for code, _ in rows}), **stack.verdict(load))
    stack.until_well(60)
