"""What agents do, and what those do who write to us or look after mailboxes."""

from __future__ import annotations

from . import things
from .acts import ADDRESSES, BOXES
from .authors import Letter
from .both import Both, Mail, choose
from .deciding import Deciding
from .mailing import Mailing

# Where a verb can be true: the states of the message, and of its review.
OPEN = (("held",), ("open",))
FITS: dict[str, tuple[tuple[str, ...], tuple[str | None, ...]]] = {
    "cancel": (("held", "queued", "returned"), ("open", "approved", "returned", None)),
    "undo": (("queued",), ("approved",)),
    "resubmit": (("returned",), ("returned",)),
}


class People:
    def __init__(self, both: Both) -> None:
        self.both, self.model, self.world = both, both.model, both.world
        self.mailing, self.deciding = Mailing(both.world), Deciding(both.world)
        self._received: list[tuple[str, str]] = []

    def submit(self, box: int, **asked: object) -> None:
        letter = _letter(**asked)
        both = self.both.same(
            f"{letter.key} sends to {len(letter.to)} from box {box}",
            lambda: self.model.submit(self.model.boxes[box], letter),
            lambda: self.mailing.submit(box, letter),
        )
        if both is not None:
            self.both.mails.append(Mail(len(self.both.mails), *both))

    def resubmit(self, mail: int, aim: str, **asked: object) -> None:
        chosen, letter = self.aim("resubmit", self.sends(), mail, aim), _letter(**asked)
        if chosen:
            self.both.same(
                f"{letter.key} sends {chosen} again",
                lambda: self.model.resubmit(chosen.promised, letter),
                lambda: self.mailing.resubmit(chosen.real, self.model.boxes.index(chosen.promised.box), letter),
            )

    def cancel(self, mail: int, aim: str) -> None:
        if chosen := self.aim("cancel", self.sends(), mail, aim):
            self.both.same(
                f"an agent cancels {chosen}",
                lambda: self.model.cancel(chosen.promised),
                lambda: self.mailing.cancel(chosen.real),
            )

    def give_cause(self) -> None:
        """Somebody has nothing to do: an agent sends."""
        number = len(self.both.mails)
        to = (ADDRESSES[number % 5], ADDRESSES[5])
        self.submit(number % BOXES, key="first", mode=None, provenance="human", subject="Hello", to=to)

    def arrive(self, box: int, answers: bool, mail: int) -> None:
        """A mail comes in, maybe in answer to one of the mailbox."""
        mine = self.model.boxes[box]
        if mine.is_paused or mine.is_deleted:
            return
        sent = [one for one in self.sends() if one.promised.box is mine and one.promised.status != "refused"]
        answered = choose(sent, mail) if answers else None
        subject = f"letter-{len(self.both.mails)}"
        promised = self.model.arrive(mine, subject, answered.promised if answered else None)
        real = self.mailing.arrive(box, subject, answered.real if answered else None)
        self.both.mails.append(Mail(len(self.both.mails), promised, real))

    def check_hidden(self) -> None:
        """What people have not let through is not there for agents, and what they have is.

        Asked when one of them has moved: every act's rows are compared anyway, and nothing else says what is shown.
        """
        received = [(one.subject, one.status) for one in self.model.messages if one.is_received]
        if received == self._received:
            return
        self._received = received
        for number, box in enumerate(self.model.boxes):
            if not box.is_deleted and any(one.is_received and one.box is box for one in self.model.messages):
                known, shown = self.mailing.shown_in(number), self.model.shown_in(box)
                assert known == shown, f"agents find {known} in {box.name}, and may know of {shown}"

    def stop(self, what: str, by: str) -> None:
        is_new = what not in self.model.stopped
        self.both.same(f"{by} stops {what}", lambda: self.model.stop(what, by), lambda: self.mailing.stop(what, by))
        assert is_new or what in self.model.stopped

    def resume(self, which: int) -> None:
        what = choose(sorted(self.model.stopped), which)
        if what is not None:
            assert self.mailing.resume(what)
            self.model.stopped.remove(what)

    def revoke(self, key: str | None) -> None:
        if key is not None:
            self.mailing.revoke(key)
            self.model.revoke(key)

    def suppress(self, address: str) -> None:
        self.mailing.suppress(address)
        self.model.suppress(address)

    def set_mode(self, box: int, mode: str) -> None:
        self.mailing.set_mode(box, mode)
        self.model.boxes[box].mode = mode

    def tighten(self, box: int, mode: str) -> None:
        """An agent makes its mailbox stricter, and never freer."""
        self.both.same(
            f"an agent makes box {box} {mode}",
            lambda: self.model.tighten(self.model.boxes[box], mode),
            lambda: self.mailing.tighten(box, mode),
        )

    def set_floor(self, box: int, floor: str | None) -> None:
        self.mailing.set_floor(box, floor)
        self.model.boxes[box].floor = floor

    def set_status(self, box: int, status: str) -> None:
        self.mailing.set_status(box, status)
        self.model.boxes[box].is_paused = status == "PAUSED"

    def delete(self, box: int | None) -> None:
        if box is not None:
            self.mailing.delete(box)
            self.model.boxes[box].is_deleted = True

    def report(self, mail: int, which: int, state: str) -> None:
        """The next hop, or the addressee's provider, says what became of one copy."""
        chosen = choose(self.sends(), mail)
        copy = choose(chosen.promised.copies, which) if chosen else None
        if chosen and copy:
            self.both.same(
                f"{copy.address} of {chosen} is reported as {state}",
                lambda: self.model.report(chosen.promised, copy, state),
                lambda: self.mailing.report(chosen.real, copy.address, state),
            )

    def sends(self) -> list[Mail]:
        return [one for one in self.both.mails if not one.promised.is_received]

    def aim(self, verb: str, mails: list[Mail], which: int, aim: str) -> Mail | None:
        """One of the mails of which the verb can be true, where there is one."""
        fitting = [one for one in mails if fits(verb, one.promised)] if aim == "where it fits" else []
        return choose(fitting or mails, which)


def fits(verb: str, message: things.Message) -> bool:
    statuses, reviews = FITS.get(verb, OPEN)
    return message.status in statuses and (message.review.state if message.review else None) in reviews


def _letter(**asked: object) -> Letter:
    return Letter(
        key=str(asked["key"]),
        mode=asked["mode"] if isinstance(asked["mode"], str) else None,
        provenance=str(asked["provenance"]),
        subject=str(asked["subject"]),
        to=tuple(map(str, asked["to"])),  # type: ignore[call-overload]
    )
