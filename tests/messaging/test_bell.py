"""The bell: many rings are few, none is forgotten, and nobody waits."""

from __future__ import annotations

import time

import pytest

from messaging import bell
from messaging.bell import Bell


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    monkeypatch.setattr(bell, "PAUSE_SECONDS", 0.2)
    return []


def wait_for(heard: list[str], amount: int) -> None:
    until = time.monotonic() + 5
    while len(heard) < amount and time.monotonic() < until:
        time.sleep(0.01)


def test_what_is_rung_during_a_pause_rings_once_after_it(heard: list[str]) -> None:
    bell = Bell(heard.append)
    bell.ring("drain")
    wait_for(heard, 1)
    for _ in range(100):
        bell.ring("drain")
    wait_for(heard, 2)
    time.sleep(0.3)
    assert heard == ["drain", "drain"]


def test_two_doors_are_rung_both(heard: list[str]) -> None:
    bell = Bell(heard.append)
    bell.ring("drain")
    bell.ring("intake")
    wait_for(heard, 2)
    assert sorted(heard) == ["drain", "intake"]


def test_what_is_due_rings_before_the_process_ends(heard: list[str]) -> None:
    bell = Bell(heard.append)
    bell.ring("drain")
    wait_for(heard, 1)
    bell.ring("drain")
    bell.ring_out()
    assert heard == ["drain", "drain"]


def test_who_rings_does_not_wait_for_a_door_that_is_slow_to_hear() -> None:
    bell = Bell(lambda _: time.sleep(2))
    begun = time.monotonic()
    for _ in range(10):
        bell.ring("console")
    assert time.monotonic() - begun < 1
