"""The broker dies, forgets, hangs, stays away, under load: I41. It carries doorbells; the truth is elsewhere."""

from __future__ import annotations

import socket
import time
from itertools import pairwise
from pathlib import Path

import pytest

from config.embedded.places import find_places
from tests.chaos.outside.conftest import Note
from tests.chaos.outside.load import Load
from tests.chaos.outside.stack import Stack

pytestmark = pytest.mark.chaos
ONE_SWEEP = 10.0
DRAINED_WITHIN = 30.0


def nobody_noticed(load: Load) -> dict[str, object]:
    assert set(load.statuses()) == {201}, {answer.text for answer in load.answers if answer.status != 201}
    return {"accepted": len(load.accepted), "slowest_answer": load.slowest()}


def sent_between(stack: Stack, begun: float, ended: float) -> list[float]:
    """When mail was handed over, in seconds after `begun` (both by the wall clock)."""
    rows = stack.rows(
        "SELECT extract(epoch FROM finished_at) FROM messaging_attempt "
        "WHERE outcome = 'sent' AND finished_at BETWEEN to_timestamp(%s) AND to_timestamp(%s) ORDER BY 1",
        begun,
        ended,
    )
    return [float(moment) - begun for (moment,) in rows]


def longest_silence(moments: list[float], span: float) -> float:
    edges = [0.0, *moments, span]
    return max(later - earlier for earlier, later in pairwise(edges))


def test_the_broker_is_killed(stack: Stack, note: Note) -> None:
    with stack.load() as load:
        time.sleep(3)
        struck = time.time()
        stack.kill(stack.pids("broker")[0])
        time.sleep(15)
        silence = longest_silence(sent_between(stack, struck, struck + 15), 15)
    figures = nobody_noticed(load)
    note(longest_silence=silence, **(figures | stack.verdict(load, within=DRAINED_WITHIN)))
    assert silence <= ONE_SWEEP
    stack.until_well(30)


def test_the_broker_forgets_everything(stack: Stack, note: Note) -> None:
    with stack.load() as load:
        time.sleep(3)
        struck = time.time()
        for _ in range(5):
            flush(stack.data_dir)
            time.sleep(1)
        time.sleep(5)
        silence = longest_silence(sent_between(stack, struck, struck + 10), 10)
    figures = nobody_noticed(load)
    note(longest_silence=silence, **(figures | stack.verdict(load, within=DRAINED_WITHIN)))
    assert silence <= ONE_SWEEP
    stack.until_well(30)


def test_the_broker_hangs_for_thirty_seconds(stack: Stack, note: Note) -> None:
    with stack.load(5) as load:
        time.sleep(3)
        struck = time.time()
        with stack.frozen("broker"):
            time.sleep(30)
        silence = longest_silence(sent_between(stack, struck, struck + 30), 30)
        time.sleep(3)
    figures = nobody_noticed(load)
    drained = stack.until_settled(load.accepted, within=DRAINED_WITHIN)
    note(longest_silence=silence, drained_seconds=drained, **(figures | stack.verdict(load)))
    assert silence <= ONE_SWEEP
    stack.until_well(60)


def test_the_broker_is_away_for_thirty_seconds(stack: Stack, note: Note) -> None:
    door = find_places(stack.data_dir).valkey_socket
    hidden = door.with_suffix(".away")
    with stack.load() as load:
        time.sleep(3)
        struck = time.time()
        # Killed, and its successor can't be reached until the socket has its name again.
        stack.kill(stack.pids("broker")[0])
        while time.time() < struck + 30:
            if door.exists():
                door.rename(hidden)
            time.sleep(0.01)
        silence = longest_silence(sent_between(stack, struck, struck + 30), 30)
        hidden.rename(door)
        time.sleep(3)
    figures = nobody_noticed(load)
    drained = stack.until_settled(load.accepted, within=DRAINED_WITHIN)
    note(longest_silence=silence, drained_seconds=drained, **(figures | stack.verdict(load)))
    assert silence <= ONE_SWEEP
    stack.until_well(60)


def flush(data_dir: Path) -> None:
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(5)
        client.connect(str(find_places(data_dir).valkey_socket))
        client.sendall(b"FLUSHALL\r\n")
        assert client.recv(16).startswith(b"+OK")
