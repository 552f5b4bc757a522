"""What Gatepost promises about a message, in plain Python: each verb's answer and the state that it leaves behind."""

from __future__ import annotations

from datetime import datetime, timedelta

from .things import Attempt, Box, Copy, Message, Review, Standing, Worker

UNDO, LEASE = timedelta(seconds=30), timedelta(minutes=15)
REVIEW_EXPIRES, GIVE_UP_AFTER = timedelta(days=7), timedelta(days=5)
DAILY_SENDS, AFTERWARDS = 12, timedelta(seconds=1)
FREEDOM = ("read_only", "gated_all", "gated_send", "monitored", "autonomous")
TAKEN = ("sent", "delivered", "bounced", "complained")
GRAVITY = ("unknown", *TAKEN)
AFTER = {"sent": "sent", "deferred": "deferred", "failed": "failed", "unknown": "unknown", "withdrawn": "waiting"}
PAUSES = [timedelta(minutes=min(2**number, 240)) for number in range(40)]


class Refused(Exception):
    """The verb must refuse with this code."""


class Model:
    """One account. Verbs change it or raise Refused."""

    def __init__(self, now: datetime, modes: list[str]) -> None:
        self.now = now
        self.boxes = [Box(mode) for mode in modes]
        self.messages: list[Message] = []
        self.suppressed: set[str] = set()
        self.is_stopped = False
        self.crashed_at = now

    def submit(self, box: Box, mode: str | None, addresses: list[str]) -> Message:
        _refuse_if(box.is_deleted, "NOT_FOUND")
        _refuse_if(box.is_paused, "mailbox_inactive")
        _refuse_if(FREEDOM.index(mode or box.mode) > FREEDOM.index(box.mode), "mode_not_stricter")
        copies = [Copy(address) for address in addresses]
        _refuse_if(any(copy.suppression_key in self.suppressed for copy in copies), "suppressed_recipient")
        _refuse_if(self.used_today(box) + len(copies) > DAILY_SENDS, "daily_limit")
        message = Message(box, copies, "queued", self.now)
        mode = mode or box.mode
        if mode == "read_only":
            message.status, message.taken_at = "refused", None
        elif mode.startswith("gated"):
            message.status, message.review = "held", Review(self.now + REVIEW_EXPIRES)
        else:
            self._let_leave(message, self.now)
        self.messages.append(message)
        return message

    def approve(self, message: Message, version: int, *, is_viewer: bool) -> None:
        review = self._open_review(message, version, is_viewer=is_viewer)
        review.state, review.version, message.status = "approved", review.version + 1, "queued"
        message.release_at = self.now + UNDO

    def reject(self, message: Message, version: int, *, is_viewer: bool) -> None:
        review = self._open_review(message, version, is_viewer=is_viewer)
        review.version += 1
        self._end(message, "rejected")

    def undo(self, message: Message, version: int, *, is_viewer: bool) -> None:
        review = self._review(message, is_viewer=is_viewer)
        _refuse_if(review.state != "approved", "nothing_to_undo")
        _refuse_if(review.version != version, "stale_version")
        self._take_back(message, "waiting")
        review.state, review.version, message.status = "open", review.version + 1, "held"

    def cancel(self, message: Message) -> None:
        _refuse_if(message.box.is_deleted or message.status == "refused", "NOT_FOUND")
        if message.status != "cancelled":
            self._cancel(message)

    def expire(self) -> int:
        due = [one for one in self._reviewed() if one[1].state == "open" and one[1].expires_at <= self.now]
        for message, _ in due:
            self._end(message, "expired")
        return len(due)

    def release(self) -> int:
        """What was approved is looked at once more: it leaves, or waits for people again."""
        due = [one for one in self._unreleased() if one[1] <= self.now]
        for message, _ in due:
            message.release_at = None
            if self._is_stale(message):
                assert message.review is not None
                message.review.state, message.review.expires_at = "open", self.now + REVIEW_EXPIRES
                message.review.version += 1
                message.status = "held"
            else:
                self._let_leave(message, self.now)
        return len(due)

    def next_release(self) -> datetime:
        """When something is to be released; now, where nothing is."""
        return max(self.now, min((at for _, at in self._unreleased()), default=self.now))

    def cancel_departed(self) -> int:
        waiting = [one for one in self.messages if one.box.is_deleted and one.status in ("held", "queued")]
        gone = [one for one in waiting if not one.is_irrevocable]
        for message in gone:
            self._cancel(message)
        return len(gone)

    def leaving(self) -> list[tuple[Copy, datetime]]:
        """What may be attempted when its time has come."""
        sending = [one for one in self.messages if one.box.may_send and not self.is_stopped]
        copies = [copy for message in sending for copy in message.copies]
        return [(copy, copy.next_at) for copy in copies if isinstance(copy.next_at, datetime)]

    def due(self) -> list[Copy]:
        return [copy for copy, at in self.leaving() if at <= self.now]

    def next_due(self) -> datetime:
        """When something is due; now, where nothing waits for its time only."""
        return max(self.now, min((at for _, at in self.leaving()), default=self.now))

    def claim(self, worker: Worker, copy: Copy) -> Attempt:
        message = next(one for one in self.messages if copy in one.copies)
        seen = Standing(True, copy.suppression_key in self.suppressed, True)
        attempt = Attempt(message, copy, len(copy.attempts) + 1, self.now, self.now + LEASE, seen)
        copy.attempts.append(attempt)
        copy.state, copy.next_at = "sending", None
        _fold(message)
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
            _fold(message)
        return "taken"

    def used_today(self, box: Box) -> int:
        mine = [one for one in self.messages if one.box is box and one.taken_at]
        return sum(len(one.copies) for one in mine if one.taken_at and one.taken_at.date() == self.now.date())

    def _unfinished(self) -> list[Attempt]:
        attempts = [one for message in self.messages for copy in message.copies for one in copy.attempts]
        return [one for one in attempts if not one.outcome]

    def _standing(self, attempt: Attempt) -> Standing:
        message, key = attempt.message, attempt.copy.suppression_key
        is_open = message.box.may_send and not self.is_stopped
        return Standing(is_open, key in self.suppressed, message.status == "sending")

    def _halt(self, worker: Worker, outcome: str) -> str:
        """The first one that waits ends so. After a stop the worker reads the others again."""
        worker.heard.append((worker.waiting.pop(0), outcome))
        if outcome == "withdrawn":
            for attempt in worker.waiting:
                attempt.seen = self._standing(attempt)
        return outcome

    def _reviewed(self) -> list[tuple[Message, Review]]:
        return [(message, message.review) for message in self.messages if message.review]

    def _unreleased(self) -> list[tuple[Message, datetime]]:
        return [(one, one.release_at) for one in self.messages if one.release_at and not one.box.is_deleted]

    def _is_stale(self, message: Message) -> bool:
        due = [copy for copy in message.copies if copy.state == "waiting"]
        is_suppressed = any(copy.suppression_key in self.suppressed for copy in due)
        return self.is_stopped or is_suppressed or message.box.mode == "read_only"

    def _review(self, message: Message, *, is_viewer: bool) -> Review:
        _refuse_if(message.box.is_deleted, "NOT_FOUND")
        _refuse_if(is_viewer, "may_not_decide")
        assert message.review is not None
        return message.review

    def _open_review(self, message: Message, version: int, *, is_viewer: bool) -> Review:
        review = self._review(message, is_viewer=is_viewer)
        _refuse_if(review.state == "expired" or (review.state == "open" and review.expires_at <= self.now), "expired")
        _refuse_if(review.state != "open", "already_decided")
        _refuse_if(review.version != version, "stale_version")
        return review

    def _let_leave(self, message: Message, at: datetime) -> None:
        for copy in message.copies:
            if copy.state == "waiting":
                copy.next_at = at

    def _take_back(self, message: Message, state: str) -> None:
        _refuse_if(message.is_irrevocable, "already_sending")
        _refuse_if(message.status != "queued", "state_changed")
        message.release_at = None
        for copy in message.copies:
            if copy.state in ("waiting", "deferred"):
                copy.state, copy.next_at = state, None

    def _cancel(self, message: Message) -> None:
        if message.status == "held":
            self._end(message, "cancelled")
            return
        _refuse_if(message.status in ("sending", "sent", "unknown"), "already_sending")
        _refuse_if(message.status != "queued", "already_final")
        self._take_back(message, "cancelled")
        message.status = "cancelled"
        if message.review:
            message.review.state = "cancelled"

    def _end(self, message: Message, status: str) -> None:
        """A held message comes to nothing, and what it took of the limits is given back.

        A copy that failed before somebody took the approval back stays failed.
        """
        message.status, message.taken_at = status, None
        for copy in message.copies:
            if copy.state == "waiting":
                copy.state, copy.next_at = "cancelled", None
        if message.review:
            message.review.state = status

    def _move(self, attempt: Attempt, outcome: str) -> None:
        copy, copy.state, copy.next_at = attempt.copy, AFTER[outcome], None
        if outcome == "withdrawn":
            copy.next_at = self.now
        elif outcome == "deferred" and self.now - copy.attempts[0].started_at >= GIVE_UP_AFTER:
            copy.state = "failed"
        elif outcome == "deferred":
            pause = PAUSES[attempt.number - 1]
            copy.next_at = (self.now + pause * 0.8, self.now + pause * 1.2)
        _fold(attempt.message)


def _fold(message: Message) -> None:
    states = {copy.state for copy in message.copies}
    if "sending" in states:
        message.status = "sending"
    elif states & {"waiting", "deferred"}:
        message.status = "queued"
    elif "unknown" in states:
        message.status = "unknown"
    else:
        message.status = "sent" if states & set(TAKEN) else "failed"


def _refuse_if(condition: bool, code: str) -> None:
    if condition:
        raise Refused(code)
