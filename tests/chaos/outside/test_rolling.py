"""A deploy under load: web, worker, beat and listener are restarted one after the other (SIGUSR1 to `up`): I46."""

from __future__ import annotations

import signal
import time
from collections import Counter

import pytest

from tests.chaos.outside.arrivals import Arrivals
from tests.chaos.outside.conftest import Note
from tests.chaos.outside.stack import Stack, until

pytestmark = pytest.mark.chaos
OURS = ("worker", "beat", "smtp", "webhooks", "web")
ROUNDS = 2


def roll(stack: Stack) -> float:
    """Restart while the workers have mails in hand; how long it took."""
    rounds = stack.instance.text().count("Restarted.")
    before = {name: set(stack.pids(name)) for name in (*OURS, "broker", "postgres")}
    stack.until_held()
    begun = time.monotonic()
    stack.instance.process.send_signal(signal.SIGUSR1)
    until(lambda: stack.instance.text().count("Restarted.") > rounds, seconds=120, what="not all are restarted")
    took = time.monotonic() - begun
    assert not [name for name in OURS if before[name] & set(stack.pids(name))]
    assert not [name for name in ("broker", "postgres") if before[name] - set(stack.pids(name))]
    return took


def shown(stack: Stack, subjects: list[str]) -> Counter[str]:
    """How often each of these can be read in the mailbox."""
    query = "SELECT subject FROM messaging_message WHERE direction = 'INBOUND' AND status = 'released' "
    query += "AND subject = ANY(%s)"
    return Counter(subject for (subject,) in stack.rows(query, subjects))


def test_all_processes_are_restarted_one_after_the_other(stack: Stack, note: Note) -> None:
    with stack.relay.moody("-W", ".:1"):
        with (
            stack.load(4, is_stubborn=True) as load,
            Arrivals(stack.instance.smtp_port, stack.mailbox_address) as arrivals,
        ):
            time.sleep(4)
            took = [roll(stack) for _ in range(ROUNDS)]
            time.sleep(4)
        figures = stack.verdict(load, within=240)
    until(lambda: len(shown(stack, arrivals.taken)) == len(arrivals.taken), seconds=30, what="an arrival is lost")
    told = load.statuses()
    note(
        restarted_in_seconds=sum(took) / ROUNDS,
        answers={str(code): number for code, number in sorted(told.items())},
        slowest_answer=load.slowest(),
        arrived=len(arrivals.taken),
        smtp_answers=dict(arrivals.answers),
        **figures,
    )
    assert set(told) <= {201, 409, 503, 0}
    assert not load.unanswered
    assert len(load.accepted) == len(set(load.accepted))
    assert figures["unknown"] == 0
    assert figures["leases_left_by_the_dead"] == 0
    assert set(shown(stack, arrivals.taken).values()) == {1}
    stack.until_well(60)
