"""PostgreSQL dies, is restarted, hangs, under load: I42."""

from __future__ import annotations

import os
import signal
import time

import pytest

from tests.chaos.outside.conftest import Note
from tests.chaos.outside.load import Load
from tests.chaos.outside.stack import Stack, until

pytestmark = pytest.mark.chaos
BACK_WITHIN = 10.0


def refused_politely(load: Load) -> dict[str, object]:
    """Every answer was a 2xx, or a 503 that says when to come again."""
    others = {answer.text for answer in load.answers if answer.status not in {201, 503}}
    assert not others, others
    assert all(answer.retry_after for answer in load.answers if answer.status == 503)
    return {"answers": {str(code): count for code, count in sorted(load.statuses().items())}}


def test_postgres_is_killed(stack: Stack, note: Note) -> None:
    with stack.load() as load:
        time.sleep(4)
        struck = time.monotonic()
        for pid in stack.cluster():
            stack.kill(pid)
        inbound = stack.smtp_answer()
        time.sleep(12)
    assert inbound in {"451", "250"}
    figures = refused_politely(load)
    back = load.first_accepted_after(struck)
    figures |= {"smtp_meanwhile": inbound, "slowest_answer": load.slowest()}
    note(first_2xx_seconds=back, **figures, **stack.verdict(load))
    assert back <= BACK_WITHIN
    stack.until_well(30)


def test_postgres_is_stopped_and_started(stack: Stack, note: Note) -> None:
    with stack.load() as load:
        time.sleep(3)
        struck = time.monotonic()
        os.kill(stack.pids("postgres")[0], signal.SIGINT)
        time.sleep(12)
    figures = refused_politely(load)
    back = load.first_accepted_after(struck)
    note(first_2xx_seconds=back, slowest_answer=load.slowest(), **figures, **stack.verdict(load))
    assert back <= BACK_WITHIN
    stack.until_well(30)


def test_postgres_hangs_for_ten_seconds(stack: Stack, note: Note) -> None:
    with stack.load() as load:
        time.sleep(3)
        with stack.frozen("postgres"):
            time.sleep(10)
        struck = time.monotonic()
        time.sleep(8)
    figures = refused_politely(load)
    back = load.first_accepted_after(struck)
    note(first_2xx_seconds=back, slowest_answer=load.slowest(), **figures, **stack.verdict(load))
    assert back <= BACK_WITHIN
    stack.until_well(30)


def test_our_listener_says_451_while_the_database_is_away(stack: Stack, note: Note) -> None:
    answers = []
    with stack.frozen("postgres"):
        answers.append(stack.smtp_answer())
    until(lambda: stack.smtp_answer() == "250", seconds=30, what="the listener takes mail again")
    note(smtp_meanwhile=answers[0])
    assert answers == ["451"]
