"""The loop that tells webhooks: rows from the log, a fair claim, POSTs by threads, outcomes; until it is stopped."""

from __future__ import annotations

import threading
import time
from queue import Empty, SimpleQueue
from uuid import UUID

import structlog
from django.conf import settings
from django.db import InterfaceError, OperationalError, connection

from mailboxes import clock
from messaging.safe_http import Lines

from . import claims, fanout, outcomes, telling
from .claims import Claim
from .crew import Crew, Lane, Limits
from .telling import Outcome, Telling

log = structlog.get_logger(__name__)

# A lost ring, and a delivery whose time has come, are found at the latest then.
SWEEP_SECONDS = 5.0
# What ends at the same time is written down together; also the longest that a commit waits for another round.
PAUSE_SECONDS = 0.01
# While the database is away.
WAIT_SECONDS = 1.0
# So long those that are on the way may take when the process is told to stop.
FINISH_SECONDS = 3.0
OUTAGES = (OperationalError, InterfaceError)


class Teller:
    """One process's part of the work. `ring` and `stop` may be called from anywhere; `run` is the main thread's."""

    def __init__(self) -> None:
        self._threads = settings.WEBHOOK_THREADS
        limits = Limits(self._threads, settings.WEBHOOK_AT_ONCE, of_account=max(self._threads // 2, 1))
        self._crew: Crew[Telling] = Crew(self._tell, limits)
        self._lines = Lines(per_origin=self._threads)
        self._wake = threading.Event()
        self._is_rung = True
        self._is_stopped = False
        self._swept_at = float("-inf")
        # What is on the way, or waits for a thread; and what came of it, until it is written down.
        self._in_hand: set[Claim] = set()
        self._ended: SimpleQueue[tuple[Claim, Outcome | None]] = SimpleQueue()
        self._unwritten: list[Outcome] = []
        self._unused: list[Claim] = []
        self.looked_at = time.monotonic()

    @property
    def is_busy(self) -> bool:
        """Whether anything is on the way, or not written down yet."""
        return bool(self._in_hand or self._unwritten)

    def ring(self) -> None:
        """Something happened: look soon."""
        self._is_rung = True
        self._wake.set()

    def stop(self) -> None:
        """Begin nothing new, and end."""
        self._is_stopped = True
        self._wake.set()

    def run(self) -> None:
        """Work until it is stopped. What is on the way then is waited for, and the rest is given back."""
        while not self._is_stopped:
            self._go_round_safely()
            self._wake.wait(SWEEP_SECONDS)
            self._wake.clear()
            time.sleep(PAUSE_SECONDS)
        self._finish()

    def go_round(self) -> int:
        """Write down what ended, look for what is new, and begin what is due; how many attempts were begun."""
        self._write()
        looks = self._is_rung or time.monotonic() - self._swept_at >= SWEEP_SECONDS
        if looks:
            self._is_rung, self._swept_at = False, time.monotonic()
            # Not to the end of a long log at once: others wait meanwhile.
            if fanout.fan_out(now=clock.now()):
                self._is_rung = True
        begun = self._begin() if looks or len(self._in_hand) <= self._threads * claims.AHEAD // 2 else 0
        if self._is_rung:
            self._wake.set()
        self.looked_at = time.monotonic()
        return begun

    def _go_round_safely(self) -> None:
        try:
            self.go_round()
        except OUTAGES as error:
            log.warning("webhooks.database_away", error=str(error).strip())
            self._wait()
        except Exception:
            log.exception("webhooks.round_broke")
            self._wait()

    def _wait(self) -> None:
        connection.close()
        self._is_rung = True
        time.sleep(WAIT_SECONDS)
        self._wake.set()

    def _begin(self) -> int:
        free = self._threads * claims.AHEAD - len(self._in_hand)
        if free <= 0:
            return 0
        failing = sum(claim.is_failing for claim in self._in_hand)
        now = clock.now()
        claimed = claims.claim_due(free=free, for_failing=max(self._threads // 2, 1) - failing, now=now)
        if not claimed:
            return 0
        try:
            ready, ended = telling.prepare(claimed, now=now)
        except BaseException:
            self._unused += claimed
            raise
        self._unwritten += ended
        if ended:
            self._wake.set()
        for one in ready:
            self._in_hand.add(one.claim)
            self._crew.give(Lane(one.claim.endpoint_id, one.receiver.account_id), one)
        return len(ready)

    def _tell(self, one: Telling) -> None:
        """In a thread of the crew."""
        self._ended.put((one.claim, telling.tell(one, lines=self._lines)))
        self._wake.set()

    def _write(self) -> None:
        """What can't be written now is kept for the next round."""
        while True:
            try:
                claim, outcome = self._ended.get_nowait()
            except Empty:
                break
            self._in_hand.remove(claim)
            if outcome is None:
                self._unused.append(claim)
            else:
                self._unwritten.append(outcome)
                if outcome.is_their_failure:
                    self._take_back(claim.endpoint_id)
        if self._unwritten:
            outcomes.record(self._unwritten, now=clock.now())
            self._unwritten = []
        if self._unused:
            claims.give_back(self._unused)
            self._unused = []

    def _take_back(self, endpoint_id: UUID | None = None) -> None:
        """What waits for a thread is told by nobody now: it is due as it was."""
        waiting = {one.claim for one in self._crew.take_back(endpoint_id)}
        self._in_hand -= waiting
        self._unused += waiting

    def _finish(self) -> None:
        self._take_back()
        until = time.monotonic() + FINISH_SECONDS
        while self._in_hand and time.monotonic() < until:
            self._wake.wait(0.05)
            self._wake.clear()
            self._write_if_possible()
        # Those who are asked still may have it, and get it once more: they know it by its id.
        self._unused += self._in_hand
        self._write_if_possible()

    def _write_if_possible(self) -> None:
        try:
            self._write()
        except OUTAGES as error:
            log.warning("webhooks.database_away", error=str(error).strip())
            connection.close()
