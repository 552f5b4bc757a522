"""The model of what people do with what waits for them."""

from __future__ import annotations

from datetime import datetime

from .authors import Authors
from .ground import CLAIM, REVIEW_EXPIRES, UNDO, Refused, fold, refuse_if
from .things import Batch, Copy, Message, Review

VIEWER = "vera"


class Desk(Authors):
    def approve(self, review: Review, version: int, by: str) -> None:
        self._check_open(review, version, by)
        refuse_if(by in review.approved_by, "already_approved")
        self._decided(review, "approve")
        review.approved_by.append(by)
        review.approved_at.append(self.now)
        if len(review.approved_by) < review.needed:
            return
        self._close(review, "approved")
        message = review.message
        if message.is_received:
            self.shown(message)
        else:
            message.status, message.release_at, message.cleared = "queued", self.now + UNDO, message.form

    def reject(self, review: Review, version: int, by: str) -> None:
        self._check_open(review, version, by)
        self._decided(review, "reject")
        self._close(review, "rejected")
        self.end(review.message, "rejected")

    def edit(self, review: Review, version: int, by: str, subject: str, to: tuple[str, ...] | None) -> None:
        """`to` None leaves the recipients as they are."""
        self._check_open(review, version, by)
        message = review.message
        refuse_if(message.is_received, "received_mail")
        wanted = to or tuple(copy.address for copy in message.copies)
        self.check_sender(message.box, "")
        self.check_recipients(wanted)
        refuse_if(subject == message.subject and list(wanted) == [copy.address for copy in message.copies],
                  "nothing_changed")  # fmt: skip
        outcome, code, people = self.verdict(message)
        self.revise(message, subject, wanted, refusal=code if outcome == "refuse" else "")
        review.needed = max(review.needed, people)
        self._decided(review, "edit")
        review.forget_votes()

    def request_changes(self, review: Review, version: int, by: str) -> None:
        self._check_open(review, version, by)
        refuse_if(review.message.is_received, "received_mail")
        self._decided(review, "request_changes")
        self._close(review, "returned")
        review.expires_at, review.message.status = self.now + REVIEW_EXPIRES, "returned"

    def undo(self, review: Review, version: int, by: str) -> None:
        self._check_decider(review, by)
        refuse_if(review.state != "approved" or review.message.is_received, "nothing_to_undo")
        refuse_if(review.version != version, "stale_version")
        self.take_back(review.message, "waiting")
        self._decided(review, "undo")
        review.state, review.message.status = "open", "held"
        review.forget_votes()

    def claim_review(self, review: Review, by: str) -> None:
        self._check_decider(review, by)
        refuse_if(self.claims == "off", "claims_off")
        if not self._take(review, by):
            self._check_waits(review)
            raise Refused("claimed")

    def let_go(self, review: Review, by: str) -> None:
        self._check_decider(review, by)
        if review.claimed_by == by:
            review.claimed_by, review.claimed_until = "", None

    def snooze(self, review: Review, by: str, until: datetime | None) -> None:
        self._check_decider(review, by)
        self._check_waits(review)
        refuse_if(until is not None and until <= self.now, "snooze_past")
        refuse_if(until is not None and until >= review.expires_at, "snooze_beyond_expiry")
        review.snoozed_until = until

    def run_batches(self) -> int:
        """Each item by itself, on the version that was named; one that is refused is skipped and changes nothing."""
        done = 0
        for batch in self.batches:
            for item in batch.items:
                if not item.outcome:
                    item.outcome = self._run(batch, item.review, item.version)
                    done += 1
        return done

    def awake(self) -> list[Message]:
        """What waits for people, and is in their sight."""
        waiting = [(message, review) for message, review in self.reviewed("open") if not message.box.is_deleted]
        return [
            message for message, review in waiting if not (review.snoozed_until and review.snoozed_until > self.now)
        ]

    def expire(self) -> int:
        return self._expire([one for one in self.reviewed("open") if one[1].expires_at <= self.now])

    def expire_returned(self) -> int:
        unanswered = [one for one in self.reviewed("returned") if not one[1].is_answered]
        return self._expire([one for one in unanswered if one[1].expires_at <= self.now])

    def release(self) -> int:
        """What was approved is looked at once more: it leaves, or waits for people again."""
        due = [one for one in self._unreleased() if one[1] <= self.now]
        for message, _ in due:
            message.release_at = None
            review = message.review
            assert review is not None
            if message.status != "queued":
                continue
            if self._is_stale(message, review):
                review.state, review.expires_at = "open", self.now + REVIEW_EXPIRES
                review.version += 1
                review.forget_votes()
                message.status = "held"
            else:
                self.let_leave(message)
        return len(due)

    def next_release(self) -> datetime:
        """When something is to be released; now, where nothing is."""
        return max(self.now, min((at for _, at in self._unreleased()), default=self.now))

    def requeue(self, message: Message, copy: Copy, by: str) -> None:
        """A person gives a dead letter another round of attempts."""
        self._check_dead(message, copy, by)
        refuse_if(copy.suppression_key in self.suppressed, "suppressed")
        if message.needs_decision:
            review = message.review
            refuse_if(review is None or review.last != "approve", "not_approved")
            assert review is not None
            refuse_if(review.expires_at <= self.now, "approval_expired")
        copy.is_dead, copy.state, copy.next_at, copy.tried_before = False, "waiting", self.now, len(copy.attempts)
        fold(message)

    def drop(self, message: Message, copy: Copy, by: str) -> None:
        self._check_dead(message, copy, by)
        copy.is_dead = False

    def _check_dead(self, message: Message, copy: Copy, by: str) -> None:
        refuse_if(message.box.is_deleted, "NOT_FOUND")
        refuse_if(by == VIEWER, "may_not_decide")
        alive = message.status in ("queued", "sending", "sent", "unknown", "failed")
        refuse_if(not copy.is_dead or copy.state != "failed" or not alive, "letter_over")

    def _run(self, batch: Batch, review: Review, version: int) -> str:
        before = review.claimed_by, review.claimed_until
        try:
            if self.claims == "required" and not self._take(review, batch.by):
                raise Refused("claimed" if review.holder(self.now) else "not_claimed")
            getattr(self, batch.verb)(review, version, batch.by)
        except Refused as refused:
            review.claimed_by, review.claimed_until = before
            return str(refused)
        return "done"

    def _take(self, review: Review, by: str) -> bool:
        is_mine = review.claimed_until is None or review.claimed_until <= self.now or review.claimed_by == by
        if not is_mine or review.state != "open" or review.expires_at <= self.now:
            return False
        review.claimed_by, review.claimed_until = by, self.now + CLAIM
        return True

    def _unreleased(self) -> list[tuple[Message, datetime]]:
        return [(one, one.release_at) for one in self.messages if one.release_at and not one.box.is_deleted]

    def _is_stale(self, message: Message, review: Review) -> bool:
        due = [copy for copy in message.copies if copy.state in ("waiting", "deferred")]
        is_suppressed = any(copy.suppression_key in self.suppressed for copy in due)
        is_answered = message.answered_at is not None and message.answered_at > review.approved_at[0]
        outcome, _, people = self.verdict(message)
        is_stricter = outcome == "refuse" or (outcome == "hold" and people > review.needed)
        return self.is_stopped(message) or is_suppressed or is_answered or is_stricter

    def _expire(self, due: list[tuple[Message, Review]]) -> int:
        for message, _ in due:
            self.end(message, "expired")
        return len(due)

    def _check_decider(self, review: Review, by: str) -> None:
        refuse_if(review.message.box.is_deleted, "NOT_FOUND")
        refuse_if(by == VIEWER, "may_not_decide")

    def _check_waits(self, review: Review) -> None:
        is_over = review.state == "expired" or (review.state == "open" and review.expires_at <= self.now)
        refuse_if(is_over, "expired")
        refuse_if(review.state != "open", "already_decided")

    def _check_open(self, review: Review, version: int, by: str) -> None:
        self._check_decider(review, by)
        self._check_waits(review)
        refuse_if(review.version != version, "stale_version")
        holder = review.holder(self.now)
        refuse_if(self.claims == "required" and holder != by, "claimed" if holder else "not_claimed")

    def _decided(self, review: Review, verb: str) -> None:
        review.version, review.last = review.version + 1, verb

    def _close(self, review: Review, state: str) -> None:
        review.state, review.claimed_by, review.claimed_until, review.snoozed_until = state, "", None, None
