"""Threads that meet at a barrier on real PostgreSQL, each with its own connection."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from threading import Barrier, Thread

from django.db import connection

from mailboxes.errors import Problem

THREADS = 8
ROUNDS = 50


def race(acts: Sequence[Callable[[], object]]) -> list[object]:
    """Run all acts at once; each one's result, or the Problem that it met. Any other exception fails the test."""
    barrier = Barrier(len(acts))
    results: list[object] = [None] * len(acts)

    def run(index: int) -> None:
        try:
            connection.ensure_connection()
            barrier.wait(timeout=30)
            results[index] = acts[index]()
        except BaseException as error:  # handed to the main thread, which raises it
            results[index] = error
        finally:
            connection.close()

    threads = [Thread(target=run, args=(index,)) for index in range(len(acts))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    for result in results:
        if isinstance(result, BaseException) and not isinstance(result, Problem):
            raise result
    return results


def winners(results: Sequence[object]) -> list[object]:
    """What was not refused."""
    return [result for result in results if not isinstance(result, Problem)]
