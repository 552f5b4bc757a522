"""What workers, their sweeps, the network and the server do."""

from __future__ import annotations

from dataclasses import dataclass, field

from hypothesis import note

from messaging.outbound.mail import Mail as RealMail

from . import outside, things, workers
from .both import Both, Mail
from .people import People, fits
from .reviewers import Reviewers

BODILESS = ("deferred", "failed")


@dataclass(eq=False)
class Hand:
    """A worker as the model and as the product know it."""

    name: str
    promised: things.Worker = field(default_factory=things.Worker)
    real: workers.Worker = field(default_factory=workers.Worker)

    def __repr__(self) -> str:
        return self.name


class Crew:
    """Ada and Bo, who work at once, and die."""

    def __init__(self, both: Both, people: People, reviewers: Reviewers) -> None:
        self._both, self._model, self._world, self._people = both, both.model, both.world, people
        self._reviewers = reviewers
        self._hands = {name: Hand(name) for name in ("Ada", "Bo")}

    def claim(self, worker: str, limit: int) -> None:
        """Nothing due: somebody gives cause, or time passes until something is."""
        if not self._model.leaving():
            self._give_cause()
            self.release_in_time()
        self._both.let_pass(self._model.next_due() - self._model.now)
        hand, due = self._hands[worker], self._model.due()
        claimed = hand.real.claim(limit=limit, now=self._model.now)
        assert len(claimed) == min(limit, len(due)), f"{len(due)} are due, {len(claimed)} were claimed"
        for one in claimed:
            mail = self._mail_of(one)
            copy = mail.copy(one.address)
            assert copy in due, f"{copy.address} of {mail} is not due"
            self._model.claim(hand.promised, mail.promised, copy)
        note(f"    {hand} claims {len(claimed)} of {len(due)}")

    def mark(self, worker: str) -> None:
        """The next body begins, once the one before was answered. Nothing left: the worker looks for something."""
        hand = self._hands[worker]
        if hand.promised.in_hand:
            self._hear(hand, "sent")
        if not hand.promised.waiting:
            self.claim(worker, 2)
        elif self._look(hand):
            self._both.same(
                f"{hand} marks {hand.promised.waiting[0]}", lambda: self._model.mark(hand.promised), hand.real.mark
            )

    def answer(self, worker: str, kind: str) -> None:
        """The network's answer; there is no yes, and none that is lost, before a body has begun."""
        hand = self._hands[worker]
        if not hand.promised.in_hand and kind not in BODILESS:
            self.mark(worker)
        if hand.promised.in_hand or (kind in BODILESS and hand.promised.waiting and self._look(hand)):
            self._hear(hand, kind)

    def send(self, worker: str) -> None:
        """The next mail leaves by wire, and the relay's copy is compared with what people, or the policy, let leave."""
        hand = self._hands[worker]
        if hand.promised.in_hand or not hand.promised.waiting:
            return self.mark(worker)
        self.write(worker)  # or a stop would be seen a step earlier than by the mark
        mail = self._mail_of(hand.real.waiting[0])
        self._both.same(
            f"{hand} sends {hand.promised.waiting[0]}",
            lambda: self._model.send(hand.promised),
            lambda: hand.real.send(now=self._model.now),
        )
        if hand.promised.heard and hand.promised.heard[-1][1] == "sent":
            if mail.promised.review:
                self._both.review_of(mail)
            outside.check(self._world.cast.relay, mail)
        return None

    def write(self, worker: str) -> None:
        """The worker writes down all that it has heard."""
        hand = self._hands[worker]
        note(f"    {hand} writes {hand.promised.heard}")
        self._model.write(hand.promised)
        hand.real.write()

    def give_back(self, worker: str) -> None:
        """The worker is told to stop: it ends the mail in hand, gives the others back, and writes."""
        hand = self._hands[worker]
        if hand.promised.in_hand:
            self._hear(hand, "sent")
        while hand.promised.waiting:
            self._hear(hand, "withdrawn")
        self.write(worker)

    def crash(self, worker: str, has_begun: bool = False) -> None:
        """The worker dies, in the middle of a body if `has_begun`, where it has one to begin."""
        if has_begun and not self._hands[worker].promised.in_hand:
            self.mark(worker)
        self._hands[worker] = Hand(worker)

    def crash_server(self, loses_marks: bool, kills: list[str]) -> None:
        """The server dies and comes back; some workers die with it, the others find it again."""
        if loses_marks:
            hands = self._hands.values()
            self._model.lose_marks([hand.promised.in_hand for hand in hands if hand.promised.in_hand])
            workers.lose_marks([hand.real for hand in hands])
        self._model.crashed_at = self._model.now
        self._world.set_crash(self._model.now)
        for name in kills:
            self.crash(name)

    def reap_in_time(self) -> None:
        """The reaper comes when the first lease is over."""
        self._both.let_pass(self._model.next_lease_over() - self._model.now)
        self.sweep("reap")

    def release_in_time(self) -> None:
        """The release comes when the first time for undo is over."""
        self._both.let_pass(self._model.next_release() - self._model.now)
        self.sweep("release")

    def sweep(self, what: str) -> None:
        if what == "run_batches":
            return self._reviewers.run_batches()
        deciding = self._people.deciding
        given = {
            "reap": lambda: workers.reap(now=self._model.now),
            "cancel_departed": self._people.mailing.cancel_departed,
            "settle": self._people.mailing.settle,
            "expire": deciding.expire,
            "expire_returned": deciding.expire_returned,
            "release": deciding.release,
        }
        self._both.same(f"the sweep does {what}", getattr(self._model, what), given[what])
        return None

    def _give_cause(self) -> None:
        """What is held is approved, or else an agent sends."""
        if any(fits("approve", mail.promised) for mail in self._both.mails):
            self._reviewers.decide("approve", 0, "where it fits", "the present version", "rhea")
        else:
            self._people.give_cause()

    def _mail_of(self, claimed: RealMail) -> Mail:
        message = self._world.message_of(claimed.recipient_id)
        return next(mail for mail in self._both.mails if mail.real.pk == message)

    def _look(self, hand: Hand) -> bool:
        """Whether the next mail may still leave, as far as the worker knows."""
        told = f"{hand} looks at {hand.promised.waiting[0]}"
        both = self._both.same(told, lambda: self._model.look(hand.promised), hand.real.look)
        return both is not None and both[0] == "go on"

    def _hear(self, hand: Hand, kind: str) -> None:
        note(f"    {hand} hears {kind} of {hand.promised.in_hand or hand.promised.waiting[0]}")
        self._model.hear(hand.promised, kind)
        hand.real.hear(kind)
