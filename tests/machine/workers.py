"""How a worker is driven step by step: the one file here that knows how the outbox claims, marks, hears and writes."""

from __future__ import annotations

from collections import deque
from datetime import datetime

from django.db import connection

from messaging.outbound import delivery, outbox, outcomes
from messaging.outbound.answers import Answers
from messaging.outbound.mail import Mail
from messaging.outbound.outcomes import Halt, Outcome, OutcomeKind

# The last marks before a crash of the server, whose commit did not wait for the disk.
LOSE_MARKS = """
UPDATE messaging_attempt SET phase = 'started', data_at = NULL WHERE id = ANY(%s) AND phase = 'data'
"""


class Worker:
    """One thread of a worker, which goes on, or dies, between any two of its steps."""

    def __init__(self) -> None:
        self.waiting: deque[Mail] = deque()
        self.in_hand: Mail | None = None
        self._answers = Answers()

    def claim(self, *, limit: int, now: datetime) -> list[Mail]:
        """The mails of one claim, read as a batch."""
        claimed = delivery.load(outbox.claim_due(limit=limit, now=now))
        self.waiting.extend(claimed)
        return claimed

    def look(self) -> str:
        """The next mail, as it was read: "go on", or the outcome that ends the attempt."""
        try:
            delivery.preflight(self.waiting[0])
        except Halt as halt:
            return self._halted(halt.outcome)
        return "go on"

    def mark(self) -> str:
        """The body of the next mail is about to leave: "data", or the outcome that ends the attempt before it."""
        try:
            delivery.mark(self.waiting[0], answers=self._answers)
        except Halt as halt:
            return self._halted(halt.outcome)
        self.in_hand = self.waiting.popleft()
        return "data"

    def send(self, *, now: datetime) -> str:
        """The next mail by wire, as a worker does it: what the relay, or whoever stopped it, made of it."""
        mail = self.waiting[0]
        outcome = delivery.attempt(mail, now=now, answers=self._answers)
        if outcome.kind is not OutcomeKind.SENT:
            return self._halted(outcome)
        self._answers.add(self.waiting.popleft(), outcome)
        return outcome.kind.value

    def hear(self, kind: str) -> None:
        mail, self.in_hand = self.in_hand or self.waiting.popleft(), None
        self._answers.add(mail, Outcome(OutcomeKind(kind), "250", "So it is."))

    def write(self) -> None:
        self._answers.write()

    def _halted(self, outcome: Outcome) -> str:
        self._answers.add(self.waiting.popleft(), outcome)
        if outcome.kind is OutcomeKind.WITHDRAWN:  # as dispatch does
            self.waiting = deque(delivery.load(self.waiting))
        return outcome.kind.value


def reap(*, now: datetime) -> int:
    return outcomes.take_back(limit=500, now=now)


def lose_marks(workers: list[Worker]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(LOSE_MARKS, [[worker.in_hand.pk for worker in workers if worker.in_hand]])
