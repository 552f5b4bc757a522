"""Eight threads that meet at a barrier on real PostgreSQL, each with its own connection, kept from round to round."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Barrier

import pytest
from django.db import connection

from mailboxes.errors import Problem

THREADS = 8
FEW, MANY = 5, 500
# Seconds for what will come, and for work that ends when nothing is left of it: a machine may be slow.
PATIENCE, LONG = 120, 3600.0
RESULTS = Path(__file__).parents[1] / "chaos" / "results" / "races.json"

Act = Callable[[], object]

# Every race takes `rounds`: few in `make check`, many in `make chaos`.
in_rounds = pytest.mark.parametrize("rounds", [FEW, pytest.param(MANY, marks=pytest.mark.chaos)])


class Crowd:
    """As many threads as there are acts at once, each connected before the first race begins.

    `winners` is for the races to count: it is told with the rounds.
    """

    def __init__(self, size: int = THREADS) -> None:
        self.size, self.winners = size, 0
        self._barrier = Barrier(size)
        self._pool = ThreadPoolExecutor(size)
        self._everywhere(lambda: connection.ensure_connection())  # each thread's own

    def race(self, acts: Sequence[Act]) -> list[object]:
        """Run all acts at once; each one's result, or the Problem that it met. Any other exception fails the test."""
        assert len(acts) == self.size
        results = list(self._pool.map(self._run, acts))
        for result in results:
            if isinstance(result, BaseException) and not isinstance(result, Problem):
                raise result
        return results

    def leave(self) -> None:
        self._everywhere(lambda: connection.close())
        self._pool.shutdown()

    def _run(self, act: Act) -> object:
        try:
            self._barrier.wait(timeout=PATIENCE)
            return act()
        except BaseException as error:  # handed to the main thread, which raises it
            return error

    def _everywhere(self, act: Act) -> None:
        # The barrier keeps one thread from doing it twice while another never does.
        for result in self._pool.map(self._run, [act] * self.size):
            if isinstance(result, BaseException):
                raise result


@contextmanager
def crowd(size: int = THREADS) -> Iterator[Crowd]:
    """A crowd that is sent home in the end, its connections closed."""
    people = Crowd(size)
    try:
        yield people
    finally:
        people.leave()


def race(acts: Sequence[Act]) -> list[object]:
    """One race, of a crowd of its own."""
    with crowd(len(acts)) as people:
        return people.race(acts)


@contextmanager
def family(name: str, rounds: int, threads: int = THREADS) -> Iterator[Crowd]:
    """The races of one family, by one crowd. Those at length are told in RESULTS, once they have all gone well."""
    began = time.monotonic()
    with crowd(threads) as people:
        yield people
    if rounds >= MANY:
        seconds = round(time.monotonic() - began, 1)
        _tell(name, {"rounds": rounds, "threads": threads, "winners": people.winners, "seconds": seconds})


def winners(results: Sequence[object]) -> list[object]:
    """What was not refused."""
    return [result for result in results if not isinstance(result, Problem)]


def refusals(results: Sequence[object]) -> set[str]:
    """What the losers were told, by code."""
    return {result.code for result in results if isinstance(result, Problem)}


def _tell(name: str, figures: dict[str, object]) -> None:
    known = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    RESULTS.write_text(json.dumps(known | {name: figures}, indent=2, sort_keys=True) + "\n")
