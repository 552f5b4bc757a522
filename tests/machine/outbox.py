"""The model of what workers, their sweeps and the network do."""

from __future__ import annotations

from datetime import datetime, timedelta

from .desk import Desk
from .ground import GIVE_UP_AFTER, LEASE, TAKEN, fold
from .things import Attempt, Copy, Message, Standing, Worker

AFTERWARDS = timedelta(seconds=1)
GRAVITY = ("unknown", *TAKEN)
AFTER = {"sent": "sent", "deferred": "deferred", "failed": "failed", "unknown": "unknown", "withdrawn": "waiting"}
PAUSES = [timedelta(minutes=min(2**number, 240)) for number in range(40)]


class Outbox(Desk):
    def leaving(self) -> list[tuple[Copy, datetime]]:
        """What may be attempted when its time has come."""
        sending = [one for one in self.messages if one.box.may_send and not self.is_stopped(one)]
        copies = [copy for message in sending for copy in message.copies]
        return [(copy, copy.next_at) for copy in copies if isinstance(copy.next_at, datetime)]

    def due(self) -> list[Copy]:
        return [copy for copy, at in self.leaving() if at <= self.now]

    def next_due(self) -> datetime:
        """When something is due; now, where nothing waits for its time only."""
        return max(self.now, min((at for _, at in self.leaving()), default=self.now))

    def claim(self, worker: Worker, message: Message, copy: Copy) -> Attempt:
        seen = Standing(True, copy.suppression_key in self.suppressed, True)
        attempt = Attempt(message, copy, len(copy.attempts) + 1, self.now, self.now + LEASE, seen)
        copy.attempts.append(attempt)
        copy.state, copy.next_at = "sending", None
        fold(message)
        worker.waiting.append(attempt)
        return attempt

    def look(self, worker: Worker) -> str:
        """The worker's next mail, as the worker read it: "go on", or the outcome that ends the attempt."""
        attempt = worker.waiting[0]
        return self._halt(worker, attempt.seen.halts_as) if attempt.seen.halts_as else "go on"

    def mark(self, worker: Worker) -> str:
        """The body is about to leave: "data", or the outcome that ends the attempt before it.

        What the worker heard of the mail before is noted, whether this one may leave or not.
        """
        if worker.unnoted:
            earlier, outcome = worker.unnoted
            if earlier.is_marked and not earlier.outcome:
                earlier.noted = outcome
        worker.unnoted, attempt = None, worker.waiting[0]
        standing = self._standing(attempt)
        if not standing.is_open or standing.is_suppressed:
            return self._halt(worker, standing.halts_as)
        if attempt.outcome:
            return self._halt(worker, "withdrawn")
        worker.in_hand = worker.waiting.pop(0)
        attempt.is_marked, attempt.lease_until = True, self.now + LEASE
        return "data"

    def send(self, worker: Worker) -> str:
        """The next mail by wire, to a relay that takes all."""
        told = self.look(worker)
        told = self.mark(worker) if told == "go on" else told
        if told == "data":
            self.hear(worker, "sent")
        return "sent" if told == "data" else told

    def hear(self, worker: Worker, outcome: str) -> None:
        """The network's answer to the mail in hand, or to the one before whose body the worker was refused."""
        if worker.in_hand:
            worker.unnoted, worker.in_hand = (worker.in_hand, outcome), None
            worker.heard.append(worker.unnoted)
        else:
            worker.heard.append((worker.waiting.pop(0), outcome))

    def write(self, worker: Worker) -> None:
        for attempt, outcome in worker.heard:
            self.answer(attempt, outcome)
        worker.heard, worker.unnoted = [], None

    def lose_marks(self, attempts: list[Attempt]) -> None:
        """The server crashed, and the last marks were not on the disk yet."""
        for attempt in attempts:
            attempt.is_marked = attempt.is_marked and bool(attempt.outcome)

    def answer(self, attempt: Attempt, outcome: str) -> None:
        """What came of it. After the attempt was given up as unknown only a yes or a no is news."""
        is_late = attempt.outcome == "unknown" and outcome in ("sent", "failed")
        if not attempt.outcome or is_late:
            origin = "unknown" if attempt.outcome else "sending"
            attempt.outcome = outcome
            if attempt.copy.state == origin and attempt is attempt.copy.attempts[-1]:
                self._move(attempt, outcome)

    def next_lease_over(self) -> datetime:
        return max(self.now, min((one.lease_until + AFTERWARDS for one in self._unfinished()), default=self.now))

    def reap(self) -> int:
        overdue = [one for one in self._unfinished() if one.lease_until < self.now]
        for attempt in overdue:
            is_lost = attempt.is_marked or attempt.started_at < self.crashed_at
            self.answer(attempt, attempt.noted or ("unknown" if is_lost else "withdrawn"))
        return len(overdue)

    def suppress(self, address: str) -> None:
        self.suppressed.add(Copy(address).suppression_key)

    def report(self, message: Message, copy: Copy, state: str) -> str:
        """A report of the next hop about one copy; it is about nothing where nothing was handed over."""
        if copy.state == "sending":
            return "too_early"
        if copy.state in GRAVITY and GRAVITY.index(state) > GRAVITY.index(copy.state):
            copy.state = state
            if state in ("bounced", "complained"):
                self.suppressed.add(copy.suppression_key)
            fold(message)
        return "taken"

    def _unfinished(self) -> list[Attempt]:
        attempts = [one for message in self.messages for copy in message.copies for one in copy.attempts]
        return [one for one in attempts if not one.outcome]

    def _standing(self, attempt: Attempt) -> Standing:
        message, key = attempt.message, attempt.copy.suppression_key
        is_open = message.box.may_send and not self.is_stopped(message)
        return Standing(is_open, key in self.suppressed, message.status == "sending")

    def _halt(self, worker: Worker, outcome: str) -> str:
        """The first one that waits ends so. After a stop the worker reads the others again."""
        worker.heard.append((worker.waiting.pop(0), outcome))
        if outcome == "withdrawn":
            for attempt in worker.waiting:
                attempt.seen = self._standing(attempt)
        return outcome

    def _move(self, attempt: Attempt, outcome: str) -> None:
        copy, copy.state, copy.next_at = attempt.copy, AFTER[outcome], None
        if outcome == "withdrawn":
            copy.next_at = self.now
        elif outcome == "deferred" and self.now - copy.attempts[copy.tried_before].started_at >= GIVE_UP_AFTER:
            copy.state, copy.is_dead = "failed", True
        elif outcome == "deferred":
            pause = PAUSES[attempt.number - copy.tried_before - 1]
            copy.next_at = (self.now + pause * 0.8, self.now + pause * 1.2)
        fold(attempt.message)
