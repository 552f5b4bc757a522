"""The loop that empties the outbox: claim, attempt, write down, until nothing is due."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from uuid import uuid4

import structlog
from django.db import connection

from mailboxes import clock, epoch
from messaging import shutdown, wakeup
from messaging.models import Attempt

from . import delivery, orphans, outbox, outcomes
from .answers import Answers
from .door import Door
from .mail import Mail
from .outcomes import DATABASE_LOST, GIVEN_BACK, OutcomeKind
from .turns import Turns

log = structlog.get_logger(__name__)

BATCH = 50
# So many mails of other accounts are let in at once between two mails of a batch.
GUESTS = 10
# Each worker process sends by so many: one waits for the relay or the database while the other one works.
THREADS = 2
# A call ends in reasonable time whatever is due, so that a worker can be stopped, and its memory be given back.
BUSY_FOR = 10.0

# Kept, since the connections to the relay belong to a thread.
_helpers = ThreadPoolExecutor(max_workers=THREADS - 1, thread_name_prefix="sender")


def drain(*, batch: int = BATCH, busy_for: float = BUSY_FOR, threads: int = 1) -> int:
    """Send what is due and say how many attempts were made. Any number of workers may do so at once.

    Ends after about `busy_for` seconds and rings for a successor when more is due. On SIGTERM, or when the worker shuts
    down, the mail in hand is finished and the rest of the claim is given back.
    """
    if not epoch.may_send(now=clock.now()):
        return 0
    rounds = _Rounds(batch=batch, until=time.monotonic() + busy_for)
    with shutdown.termination_waits():
        turns = _anywhere()
        made = rounds.go_once(turns)
        if turns.is_more:
            helpers = [_helpers.submit(rounds.help) for _ in range(threads - 1)]
            made += rounds.go_on(turns)
            made += sum(helper.result() for helper in helpers)
        if made:
            epoch.advance()  # a backup made in the middle of the last batch is an older one, too
    return made


def take_back_overdue() -> int:
    """End the attempts of workers that are gone, and wake somebody for what may go again."""
    orphans.end_leases(now=clock.now())
    count = outcomes.take_back(limit=500, now=clock.now())
    if count:
        log.warning("outbox.taken_back", count=count)
        wakeup.ring(wakeup.DRAIN_OUTBOX)
    return count


@dataclass(slots=True)
class _Rounds:
    """One call's rounds of claim and attempt, by any number of threads, until nothing is due or the time is over."""

    batch: int
    until: float

    def go_once(self, turns: Turns) -> int:
        if shutdown.is_asked():
            return 0
        return _attempt_all(outbox.claim_due(limit=self.batch, now=clock.now(), turns=turns))

    def go_on(self, turns: Turns) -> int:
        made = 0
        while not shutdown.is_asked():
            if time.monotonic() > self.until:
                wakeup.ring(wakeup.DRAIN_OUTBOX)
                return made
            made += self.go_once(turns)
            if not turns.is_more:
                return made
        return made

    def help(self) -> int:
        """In a thread beside: its connection to the database is its own."""
        try:
            return self.go_on(_anywhere())
        finally:
            connection.close()


def _anywhere() -> Turns:
    """The round begins with any account: calls are short, and more may wait than one claim has room for."""
    return Turns(after=uuid4())


def _attempt_all(claimed: Sequence[Attempt]) -> int:
    """Attempt each once and write down what came of it; how many were attempted."""
    now, answers, made = clock.now(), Answers(), 0
    waiting = _loaded(claimed, answers)
    is_database_lost, door = False, Door()
    while waiting:
        mail = waiting.popleft()
        if shutdown.is_asked() or is_database_lost:
            answers.add(mail, DATABASE_LOST if is_database_lost else GIVEN_BACK)
            continue
        if mail.standing.generation != answers.lookout.newest:
            waiting = _loaded([mail, *waiting], answers)  # for all of them at once
            mail = waiting.popleft()
        outcome = delivery.attempt(mail, now=now, answers=answers)
        made += 1
        answers.add(mail, outcome)
        is_database_lost = outcome is DATABASE_LOST
        if answers.are_urgent:
            answers.write()
        if outcome.kind is OutcomeKind.WITHDRAWN and not is_database_lost:
            # Stopped or closed: the others need not be offered to the relay to learn the same.
            waiting = _loaded(waiting, answers)
        if waiting and door.is_open and not is_database_lost:
            waiting.extendleft(reversed(_guests(door, waiting, answers)))
    answers.write()
    return made


def _loaded(claimed: Sequence[Attempt | Mail], answers: Answers) -> deque[Mail]:
    """As they stand now, which is as good as a look at the stops."""
    mails = deque(delivery.load(claimed))
    if mails:
        answers.lookout.saw(mails[0].standing.generation)
    return mails


def _guests(door: Door, waiting: Collection[Mail], answers: Answers) -> deque[Mail]:
    """The mail of other accounts that comes before the rest of the batch."""
    now = clock.now()
    try:
        others = door.look({mail.account_id for mail in waiting}, now=now)
        if others is None:
            return deque()
        claimed = outbox.claim_due(limit=GUESTS, now=now, turns=others)
        if not claimed:
            door.shut()
        return _loaded(claimed, answers)
    except Exception:  # database away, sending halted, a defect: the answers in hand must not be lost for guests
        log.warning("outbox.door_shut", exc_info=True)
        door.shut()
        return deque()
