"""The model of what agents do, and of what becomes of their mail when mailbox or key is gone."""

from __future__ import annotations

from dataclasses import dataclass

from .ground import DAILY_SENDS, FREEDOM, LOOKED_AFTER, REVIEW_EXPIRES, Ground, refuse_if
from .things import Box, Copy, Message, Review


@dataclass(frozen=True)
class Letter:
    """What an agent asks for; `provenance` is empty where it does not say."""

    key: str
    mode: str | None
    provenance: str
    subject: str
    to: tuple[str, ...]


class Authors(Ground):
    def submit(self, box: Box, letter: Letter) -> Message:
        self.check_sender(box, letter.key)
        mode = self._mode(box, letter.mode)
        self.check_recipients(letter.to)
        refuse_if(self.used_today(box) + len(letter.to) > DAILY_SENDS, "daily_limit")
        copies = [Copy(address) for address in letter.to]
        message = Message(box, letter.key, mode, letter.provenance, letter.subject, copies, "queued", self.now)
        message.amount = len(copies)
        outcome, _, people = self.verdict(message)
        if outcome == "refuse":
            message.status, message.taken_at = "refused", None
        elif outcome == "hold":
            message.status, message.needs_decision = "held", True
            message.open_review(self.now + REVIEW_EXPIRES, people)
        else:
            message.cleared = message.form
            self.let_leave(message)
        self.messages.append(message)
        return message

    def resubmit(self, message: Message, letter: Letter) -> Message:
        """The next revision of what was given back; whatever the policy says of it, it waits for people."""
        box, review = message.box, message.review
        self.check_sender(box, letter.key)
        self.check_recipients(letter.to)
        refuse_if(message.status == "refused", "NOT_FOUND")
        refuse_if(review is None or review.state != "returned", "not_returned")
        mode = self._mode(box, letter.mode)
        before = (message.key, message.mode, message.provenance)
        message.key, message.mode, message.provenance = letter.key, mode, letter.provenance
        outcome, code, people = self.verdict(message)
        message.key, message.mode, message.provenance = before
        self.revise(message, letter.subject, letter.to, refusal=code if outcome == "refuse" else "")
        message.key, message.mode, message.provenance = letter.key, mode, letter.provenance
        assert review is not None
        review.is_answered, message.status = True, "held"
        message.open_review(self.now + REVIEW_EXPIRES, people)
        return message

    def revise(self, message: Message, subject: str, to: tuple[str, ...], *, refusal: str) -> None:
        """Give it other words and recipients, if the limits, and then the policy, have nothing against it."""
        gone = [copy for copy in message.copies if copy.address not in to]
        refuse_if(any(copy.attempts for copy in gone), "recipient_was_tried")
        if len(to) > message.amount and message.taken_at:
            refuse_if(self.used_today(message.box, but=message) + len(to) > DAILY_SENDS, "daily_limit")
        refuse_if(bool(refusal), refusal)
        if len(to) > message.amount:
            message.taken_at = self.now
        kept = {copy.address: copy for copy in message.copies}
        message.copies = [kept.get(address) or Copy(address) for address in to]
        message.subject, message.amount, message.revision = subject, len(to), message.revision + 1

    def cancel(self, message: Message) -> None:
        refuse_if(message.box.is_deleted or message.status == "refused", "NOT_FOUND")
        if message.status != "cancelled":
            self.cancel_waiting(message)

    def cancel_departed(self) -> int:
        waiting = [one for one in self.messages if one.box.is_deleted and one.status in ("held", "returned", "queued")]
        gone = [one for one in waiting if not one.is_irrevocable]
        for message in gone:
            self.cancel_waiting(message)
        return len(gone)

    def revoke(self, key: str) -> None:
        if key not in self.revoked:
            self.revoked.add(key)
            self.unsettled[key] = self.now

    def settle(self) -> int:
        """Queued mail of a revoked key comes before people again, unless bytes may have left."""
        taken = 0
        for key, revoked_at in list(self.unsettled.items()):
            queued = [one for one in self.messages if one.key == key and one.status == "queued"]
            waiting = [one for one in queued if not one.box.is_deleted and not one.is_irrevocable]
            for message in waiting:
                self._hold_again(message)
            taken += len(waiting)
            if not waiting and self.now - revoked_at > LOOKED_AFTER:
                del self.unsettled[key]
        return taken

    def _hold_again(self, message: Message) -> None:
        last: Review | None = message.review
        self.take_back(message, "waiting")
        message.status, message.needs_decision = "held", True
        if last and last.state == "approved":
            last.state = "cancelled"
        message.open_review(self.now + REVIEW_EXPIRES, last.needed if last else 1)

    def _mode(self, box: Box, asked: str | None) -> str:
        refuse_if(FREEDOM.index(asked or box.mode) > FREEDOM.index(box.mode), "mode_not_stricter")
        return asked or box.mode
