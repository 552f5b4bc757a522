"""The bell: many rings are few, none is forgotten, and nobody waits."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from types import SimpleNamespace

import pytest

from messaging.bell import Bell

PATIENCE = 60


@pytest.fixture
def heard() -> list[str]:
    return []


@pytest.fixture
def pause_is_over(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """A pause lasts until the test ends it."""
    is_over = threading.Event()
    monkeypatch.setattr("messaging.bell.time", SimpleNamespace(sleep=lambda _seconds: is_over.wait(PATIENCE)))
    yield is_over
    is_over.set()


def wait_for(heard: list[str], amount: int) -> None:
    until = time.monotonic() + PATIENCE
    while len(heard) < amount and time.monotonic() < until:
        time.sleep(0.01)


def test_what_is_rung_during_a_pause_rings_once_after_it(heard: list[str], pause_is_over: threading.Event) -> None:
    bell = Bell(heard.append)
    bell.ring("drain")
    wait_for(heard, 1)
    for _ in range(100):
        bell.ring("drain")
    time.sleep(0.1)
    assert heard == ["drain"]
    pause_is_over.set()
    wait_for(heard, 2)
    time.sleep(0.1)
    assert heard == ["drain", "drain"]


def test_a_pause_is_as_long_as_the_bells_owner_wants_it(heard: list[str]) -> None:
    bell = Bell(heard.append, pause_seconds=0.2)
    begun = time.monotonic()
    bell.ring("drain")
    wait_for(heard, 1)
    bell.ring("drain")
    wait_for(heard, 2)
    assert heard == ["drain", "drain"]
    assert time.monotonic() - begun >= 0.2


def test_two_doors_are_rung_both(heard: list[str]) -> None:
    bell = Bell(heard.append, pause_seconds=0.2)
    bell.ring("drain")
    bell.ring("intake")
    wait_for(heard, 2)
    assert sorted(heard) == ["drain", "intake"]


@pytest.mark.usefixtures("pause_is_over")
def test_what_is_due_rings_before_the_process_ends(heard: list[str]) -> None:
    bell = Bell(heard.append)
    bell.ring("drain")
    wait_for(heard, 1)
    bell.ring("drain")
    bell.ring_out()
    assert heard == ["drain", "drain"]


def test_who_rings_does_not_wait_for_a_door_that_is_slow_to_hear() -> None:
    hears = threading.Event()

    def hear(_door: str) -> None:
        hears.wait(PATIENCE)

    bell = Bell(hear)
    begun = time.monotonic()
    for _ in range(10):
        bell.ring("console")
    assert time.monotonic() - begun < PATIENCE / 2
    hears.set()
