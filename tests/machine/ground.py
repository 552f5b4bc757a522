"""What every verb of the model stands on: the clock, who is stopped, what the policy says, how a message ends."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from .things import ACCOUNT, EVERYTHING, Batch, Box, Copy, Message, Review

UNDO, LEASE, CLAIM = timedelta(seconds=30), timedelta(minutes=15), timedelta(minutes=2)
REVIEW_EXPIRES, GIVE_UP_AFTER, LOOKED_AFTER = timedelta(days=7), timedelta(days=5), timedelta(minutes=1)
DAILY_SENDS = 12
FREEDOM = ("read_only", "gated_all", "gated_send", "monitored", "autonomous")
TAKEN = ("sent", "delivered", "bounced", "complained")
LEAST_TRUSTED = ("inbound", "")
AGENTS = {"first": "Ann", "second": "Ben"}  # whose the keys are


class Refused(Exception):
    """The verb must refuse with this code."""


class Ground:
    """One account as it stands."""

    def __init__(self, now: datetime, boxes: list[Box]) -> None:
        self.now, self.boxes = now, boxes
        self.messages: list[Message] = []
        self.batches: list[Batch] = []
        self.suppressed: set[str] = set()
        self.stopped: set[str] = set()
        self.revoked: set[str] = set()
        self.unsettled: dict[str, datetime] = {}  # revoked keys whose mail is still looked after
        self.claims = "optional"
        self.crashed_at = now

    def is_stopped(self, message: Message) -> bool:
        """Whether any stop keeps it."""
        subjects = {EVERYTHING, ACCOUNT, message.box.name, AGENTS.get(message.key, ""), message.key}
        return bool(self.stopped & subjects)

    def used_today(self, box: Box, *, but: Message | None = None) -> int:
        mine = [one for one in self.messages if one.box is box and one is not but]
        return sum(one.amount for one in mine if one.taken_at and one.taken_at.date() == self.now.date())

    def verdict(self, message: Message) -> tuple[str, str, int]:
        """What the policy says of it now: refuse, hold or allow; the code of a refusal; how many people."""
        box, mode = message.box, min(message.mode, message.box.mode, key=FREEDOM.index)
        is_floored = box.floor is not None and message.provenance in LEAST_TRUSTED
        if is_floored and box.floor == "read_only":
            return "refuse", "floor", 1
        if mode == "read_only":
            return "refuse", "read_only", 1
        if is_floored or box.people or mode.startswith("gated"):
            return "hold", "", max(box.people, 1)
        return "allow", "", 1

    def check_sender(self, box: Box, key: str) -> None:
        """What a send is refused for, whatever it says; `key` is empty for a person."""
        refuse_if(box.is_deleted, "NOT_FOUND")
        refuse_if(key in self.revoked, "revoked_key")
        refuse_if(box.is_paused, "mailbox_inactive")

    def check_recipients(self, addresses: Sequence[str]) -> None:
        refuse_if(any(Copy(one).suppression_key in self.suppressed for one in addresses), "suppressed_recipient")

    def reviewed(self, *states: str) -> list[tuple[Message, Review]]:
        found = [(message, message.review) for message in self.messages if message.review]
        return [(message, review) for message, review in found if review.state in states]

    def shown(self, message: Message) -> None:
        """From now on agents know of a mail that came in."""
        message.status = "released"
        if message.answers:
            message.answers.answered_at = self.now

    def let_leave(self, message: Message) -> None:
        for copy in message.copies:
            if copy.state == "waiting":
                copy.next_at = self.now

    def take_back(self, message: Message, state: str) -> None:
        """What is queued waits again, or is cancelled."""
        refuse_if(message.is_irrevocable, "already_sending")
        refuse_if(message.status != "queued", "state_changed")
        message.release_at = None
        for copy in message.copies:
            if copy.state in ("waiting", "deferred"):
                copy.state, copy.next_at = state, None

    def end(self, message: Message, status: str) -> None:
        """A message that waited for people comes to nothing, and what it took of the limits is given back.

        A copy that failed before somebody took the approval back stays failed.
        """
        message.status, message.taken_at = status, None
        for copy in message.copies:
            if copy.state in ("waiting", "deferred"):
                copy.state, copy.next_at = "cancelled", None
        if message.review:
            message.review.state = status

    def cancel_waiting(self, message: Message) -> None:
        if message.status in ("held", "returned"):
            self.end(message, "cancelled")
            return
        refuse_if(message.status in ("sending", "sent", "unknown"), "already_sending")
        refuse_if(message.status != "queued", "already_final")
        self.take_back(message, "cancelled")
        message.status = "cancelled"
        if message.review and message.review.state in ("open", "approved", "returned"):
            message.review.state = "cancelled"


def fold(message: Message) -> None:
    """The state of a message that may leave follows from its copies."""
    states = {copy.state for copy in message.copies}
    if "sending" in states:
        message.status = "sending"
    elif states & {"waiting", "deferred"}:
        message.status = "queued"
    elif "unknown" in states:
        message.status = "unknown"
    else:
        message.status = "sent" if states & set(TAKEN) else "failed"


def refuse_if(condition: bool, code: str) -> None:
    if condition:
        raise Refused(code)
