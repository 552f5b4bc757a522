"""The worker is killed as the OOM killer does it, or told to stop, under load; sending is stopped by a person."""

from __future__ import annotations

import os
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator

import pytest

from tests.chaos.outside.conftest import Note
from tests.chaos.outside.stack import Stack, until

pytestmark = pytest.mark.chaos
TAKEN_BACK_WITHIN = 45.0  # a sweep each 30 s, on a busy machine


@pytest.fixture
def slow(stack: Stack) -> Iterator[None]:
    """A relay that takes a second for each mail: who is struck has mails in hand. It stays so until all is settled."""
    with stack.relay.moody("-W", ".:1"):
        yield


def strike(stack: Stack, pid: int, *, also: Callable[[], object] = lambda: None) -> Counter[str]:
    """kill -9; what it had in hand, and how far that had come."""
    before = stack.left_by_the_dead()
    stack.kill(pid)
    until(lambda: pid not in stack.instance.processes(), seconds=5, what="it survives")
    also()
    return stack.left_by_the_dead() - before


@pytest.mark.usefixtures("slow")
def test_a_process_of_the_pool_is_killed(stack: Stack, note: Note) -> None:
    at_the_kills = []
    with stack.load(8) as load:
        for _ in range(3):
            time.sleep(2)
            at_the_kills.append(strike(stack, stack.until_held()))
    back = stack.until_taken_back(within=TAKEN_BACK_WITHIN)
    assert set(load.statuses()) == {201}
    figures = stack.verdict(load, within=240)
    leases = [kill.total() for kill in at_the_kills]
    note(leases_at_the_kills=leases, taken_back_seconds=back, **figures)
    assert min(leases) > 0
    assert figures["unknown"] <= figures["leases_left_by_the_dead"] <= 2 * len(leases)  # one a thread
    stack.until_well(60)


@pytest.mark.usefixtures("slow")
def test_the_whole_worker_is_killed(stack: Stack, note: Note) -> None:
    with stack.load(8) as load:
        time.sleep(3)
        stack.until_held()
        pool = stack.pids("worker")
        struck = time.monotonic()

        def dies() -> None:
            until(lambda: not set(pool) & set(stack.pids("worker")), seconds=5, what="the pool dies with its worker")

        leases = strike(stack, pool[0], also=dies)
        marked = stack.rows("SELECT clock_timestamp()")[0][0]
        sent = "SELECT 1 FROM messaging_attempt WHERE started_at > %s AND outcome = 'sent'"
        until(lambda: stack.rows(sent, marked), seconds=60, what="a successor sends")
        again = time.monotonic() - struck
        back = again + stack.until_taken_back(within=TAKEN_BACK_WITHIN)
    assert set(load.statuses()) == {201}
    figures = stack.verdict(load, within=240)
    note(leases_at_the_kill=leases.total(), sending_again_seconds=again, taken_back_seconds=back, **figures)
    assert leases.total() > 0
    assert figures["unknown"] <= figures["leases_left_by_the_dead"] <= 4  # one a thread
    stack.until_well(60)


@pytest.mark.usefixtures("slow")
def test_the_worker_is_told_to_stop(stack: Stack, note: Note) -> None:
    """SIGTERM: what is in hand is finished, the rest of the claim given back; nothing is unknown, no lease is left."""
    with stack.load(8) as load:
        time.sleep(4)
        stack.until_held()
        before = stack.pids("worker")
        held, begun = stack.held().total(), time.monotonic()
        os.kill(before[0], signal.SIGTERM)
        until(lambda: not set(before) & set(stack.pids("worker")), seconds=30, what="the worker ends")
        ended = time.monotonic() - begun
        left = stack.left_by_the_dead().total()
        time.sleep(5)
    assert set(load.statuses()) == {201}
    figures = stack.verdict(load, within=240)
    note(leases_at_the_signal=held, leases_after_it=left, drained_in_seconds=ended, **figures)
    assert held > 0
    assert (left, figures["unknown"], figures["leases_left_by_the_dead"]) == (0, 0, 0)
    stack.until_well(60)


@pytest.mark.usefixtures("slow")
def test_everything_is_told_to_stop(stack: Stack, note: Note) -> None:
    """SIGTERM to `up` under load: all answered, nothing unknown, and the next start goes on where this one ended."""
    with stack.load(8) as load:
        time.sleep(4)
        stack.until_held()
        held, begun = stack.held().total(), time.monotonic()
        stack.instance.process.send_signal(signal.SIGTERM)
        assert stack.instance.process.wait(20) == 0
        stopped = time.monotonic() - begun
        assert stack.instance.processes() == {}
    assert set(load.statuses()) <= {201, 503, 0}
    stack.start_again()
    stack.wait()
    figures = stack.verdict(load, within=240)
    note(leases_at_the_signal=held, stopped_in_seconds=stopped, **figures)
    assert held > 0
    assert stopped < 15  # patience sums to 8.5 s; the rest is a busy machine
    assert figures["unknown"] == 0
    assert figures["leases_left_by_the_dead"] == 0


def test_a_person_stops_all_sending(stack: Stack, note: Note) -> None:
    """I11: no attempt starts after the stop has committed, and none of what waits is lost."""
    stop = (
        "from mailboxes import clock, stops; from mailboxes.models import Account, Member\n"
        "a = Account.objects.get(slug='demo'); m = Member.objects.filter(account=a, role='owner').get()\n"
    )
    with stack.load(30) as load:
        time.sleep(3)
        # Read behind the commit: what has begun by then may still have been on its way before it.
        act = "stops.stop(m, reason='drill', now=clock.now()); print(clock.now().isoformat())"
        moment = stack.python(stop + act).split()[-1]
        time.sleep(4)
    query = "SELECT count(*) FILTER (WHERE t.started_at > %s), count(*) FILTER (WHERE t.data_at > %s) "
    query += "FROM messaging_attempt t JOIN messaging_recipient r ON r.id = t.recipient_id "
    query += "JOIN messaging_message m ON m.id = r.message_id JOIN mailboxes_account a ON a.id = m.account_id "
    query += "WHERE a.slug = 'demo'"
    started, marked = stack.rows(query, moment, moment)[0]
    waiting = stack.unsettled(load.accepted)
    stack.python(stop + "stops.resume(m, now=clock.now())")
    figures = stack.verdict(load)
    note(attempts_after_the_stop=started, bodies_after_the_stop=marked, waited=waiting, **figures)
    assert (started, marked) == (0, 0)
    assert waiting > 0


@pytest.mark.usefixtures("slow")
def test_the_supervisor_is_killed(stack: Stack, note: Note) -> None:
    """kill -9 of `up` under load: nothing of it survives, the next start recovers.

    The database is lost with the workers, so what they held without a mark is unknown, too (`mark_lost`).
    """
    with stack.load(8) as load:
        time.sleep(4)
        stack.until_held()
        stack.instance.process.kill()
        stack.instance.process.wait()
        gone = until(lambda: stack.instance.processes() == {}, seconds=10, what="an orphan survives")
    stack.start_again()
    begun = time.monotonic()
    stack.wait()
    ready = time.monotonic() - begun
    leases = stack.left_by_the_dead().total()
    figures = stack.verdict(load, within=240)
    note(leases_at_the_kill=leases, orphans_gone_seconds=gone, ready_again_seconds=ready, **figures)
    assert leases > 0
    assert figures["unknown"] <= leases
