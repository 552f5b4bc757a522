"""What Gatepost promises about a message, in plain Python: each verb's answer and the state that it leaves behind."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

UNDO, LEASE = timedelta(seconds=30), timedelta(minutes=15)
REVIEW_EXPIRES, GIVE_UP_AFTER = timedelta(days=7), timedelta(days=5)
DAILY_SENDS = 12
FREEDOM = ("read_only", "gated_all", "gated_send", "monitored", "autonomous")
TAKEN = ("sent", "delivered", "bounced", "complained")
GRAVITY = ("unknown", *TAKEN)
AFTER = {"sent": "sent", "deferred": "deferred", "failed": "failed", "unknown": "unknown", "withdrawn": "waiting"}
PAUSES = [timedelta(minutes=min(2**number, 240)) for number in range(40)]


class Refused(Exception):
    """The verb must refuse with this code."""


@dataclass(eq=False)
class Box:
    mode: str
    is_paused: bool = False
    is_deleted: bool = False

    @property
    def may_send(self) -> bool:
        return not self.is_paused and not self.is_deleted and self.mode != "read_only"


@dataclass(eq=False)
class Copy:
    """One recipient. `next_at` may be a span: the product adds chance to its pauses."""

    address: str
    state: str = "waiting"
    next_at: datetime | tuple[datetime, datetime] | None = None
    attempts: list[Attempt] = field(default_factory=list)

    @property
    def suppression_key(self) -> str:
        local, _, domain = self.address.partition("@")
        return f"{local.split('+')[0]}@{domain}"


@dataclass(eq=False)
class Attempt:
    message: Message
    copy: Copy
    number: int
    started_at: datetime
    lease_until: datetime
    has_body_begun: bool = False
    outcome: str = ""


@dataclass(eq=False)
class Review:
    expires_at: datetime
    state: str = "open"
    version: int = 1


@dataclass(eq=False)
class Message:
    box: Box
    copies: list[Copy]
    status: str
    taken_at: datetime | None
    review: Review | None = None

    @property
    def is_irrevocable(self) -> bool:
        return any(not one.outcome or one.has_body_begun for copy in self.copies for one in copy.attempts)


class Model:
    """One account. Verbs change it or raise Refused."""

    def __init__(self, now: datetime, modes: list[str]) -> None:
        self.now = now
        self.boxes = [Box(mode) for mode in modes]
        self.messages: list[Message] = []
        self.suppressed: set[str] = set()
        self.is_stopped = False

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
        self._let_leave(message, self.now + UNDO)

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

    def cancel_departed(self) -> int:
        waiting = [one for one in self.messages if one.box.is_deleted and one.status in ("held", "queued")]
        gone = [one for one in waiting if not one.is_irrevocable]
        for message in gone:
            self._cancel(message)
        return len(gone)

    def due(self) -> list[Copy]:
        return [
            copy
            for message in self.messages
            if message.box.may_send and not self.is_stopped
            for copy in message.copies
            if isinstance(copy.next_at, datetime) and copy.next_at <= self.now
        ]

    def claim(self, copy: Copy) -> Attempt:
        message = next(one for one in self.messages if copy in one.copies)
        attempt = Attempt(message, copy, len(copy.attempts) + 1, self.now, self.now + LEASE)
        copy.attempts.append(attempt)
        copy.state, copy.next_at = "sending", None
        _fold(message)
        return attempt

    def begin(self, attempt: Attempt) -> str:
        """The body is about to leave: "data", or the outcome that ended the attempt before it."""
        if self.is_stopped or not attempt.message.box.may_send:
            return self.answer(attempt, "withdrawn")
        if attempt.copy.suppression_key in self.suppressed:
            return self.answer(attempt, "failed")
        if attempt.outcome:
            return "withdrawn"
        attempt.has_body_begun, attempt.lease_until = True, self.now + LEASE
        return "data"

    def answer(self, attempt: Attempt, outcome: str) -> str:
        """What came of it. After the attempt was given up as unknown only a yes or a no is news."""
        is_late = attempt.outcome == "unknown" and outcome in ("sent", "failed")
        if not attempt.outcome or is_late:
            origin = "unknown" if attempt.outcome else "sending"
            attempt.outcome = outcome
            if attempt.copy.state == origin and attempt is attempt.copy.attempts[-1]:
                self._move(attempt, outcome)
        return outcome

    def reap(self) -> int:
        unfinished = [one for message in self.messages for copy in message.copies for one in copy.attempts]
        overdue = [one for one in unfinished if not one.outcome and one.lease_until < self.now]
        for attempt in overdue:
            self.answer(attempt, "unknown" if attempt.has_body_begun else "withdrawn")
        return len(overdue)

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

    def _reviewed(self) -> list[tuple[Message, Review]]:
        return [(message, message.review) for message in self.messages if message.review]

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
        """A held message comes to nothing, and what it took of the limits is given back."""
        message.status, message.taken_at = status, None
        for copy in message.copies:
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
