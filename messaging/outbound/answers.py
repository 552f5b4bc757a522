"""What the next hop said to the mails of one batch, kept until it is written down."""

from __future__ import annotations

import time

import structlog
from django.db import InterfaceError, OperationalError, connection

from mailboxes import clock

from . import outcomes
from .lookout import Lookout
from .outcomes import LEASE, Outcome, Tried

log = structlog.get_logger(__name__)

# What people wait for is written after this long, however slow the rest of the batch is. Seconds.
PATIENCE = 0.25
LONGEST_PAUSE = 5.0


class Answers:
    """An answer is noted on its attempt with the next mail's mark, and written with all of its batch.

    Written: the recipient, the message and the event tell of it. Noted: it survives this process. `lookout` knows of
    stops meanwhile.
    """

    def __init__(self) -> None:
        # The answer to the newest marked mail, as long as its attempt does not say so. Without a mark nothing has left,
        # and nothing is lost with the answer.
        self.unnoted: tuple[Tried, Outcome] | None = None
        self.lookout = Lookout()
        self._in_hand: Tried | None = None
        self._unwritten: list[tuple[Tried, Outcome]] = []
        self._last_at = time.monotonic()
        self._first_at = self._last_at
        self._lease_until = self._last_at + LEASE.total_seconds()

    def add(self, attempt: Tried, outcome: Outcome) -> None:
        now = time.monotonic()
        if not self._unwritten:
            # Counted from when the mail was begun: after a slow one nobody knows how long the next will take.
            self._first_at = self._last_at
        self._last_at = now
        self._unwritten.append((attempt, outcome))
        if attempt is self._in_hand:
            self.unnoted = (attempt, outcome)

    def is_noted(self, *, in_hand: Tried | None) -> None:
        """`unnoted` stands on its attempt; the mark of `in_hand`, if any, does too."""
        self.unnoted, self._in_hand = None, in_hand

    @property
    def are_urgent(self) -> bool:
        return bool(self._unwritten) and time.monotonic() - self._first_at > PATIENCE

    def write(self) -> None:
        """Write them all, in one transaction. While the database is away it is asked again until the lease is over."""
        if not self._unwritten:
            return
        pause = 0.1
        while True:
            try:
                self._write_at_once()
                return
            except (OperationalError, InterfaceError) as error:
                # Nobody else knows these answers.
                if time.monotonic() > self._lease_until:
                    raise
                log.warning("answers.database_away", count=len(self._unwritten), error=str(error))
            connection.close()
            time.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE)

    def _write_at_once(self) -> None:
        try:
            outcomes.record_all(self._unwritten, now=clock.now())
        except (OperationalError, InterfaceError):
            raise
        except Exception:
            # One of them can't be written: it must not cost the others theirs.
            log.exception("answers.not_written_together", count=len(self._unwritten))
            self._write_one_by_one()
        self._unwritten.clear()
        self.unnoted = None

    def _write_one_by_one(self) -> None:
        for attempt, outcome in self._unwritten:
            try:
                outcomes.record(attempt, outcome, now=clock.now())
            except (OperationalError, InterfaceError):
                raise
            except Exception:
                # The reaper will say that it is not known.
                log.exception("answers.not_written", attempt=str(attempt.pk), outcome=outcome.kind)
