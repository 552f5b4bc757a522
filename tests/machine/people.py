"""What agents, humans and those who write to us do."""

from __future__ import annotations

from .acts import ADDRESSES, MODES
from .both import Both, Mail, choose

# Where a verb can be true: the states of the message, and of its review.
FITS = {
    "cancel": (("held", "queued"), ("open", "approved", None)),
    "approve": (("held",), ("open",)),
    "reject": (("held",), ("open",)),
    "undo": (("queued",), ("approved",)),
}


class People:
    def __init__(self, both: Both) -> None:
        self._both, self._model, self._world = both, both.model, both.world

    def submit(self, box: int, mode: str | None, to: list[str]) -> None:
        both = self._both.same(
            f"an agent sends to {len(to)} from box {box}",
            lambda: self._model.submit(self._model.boxes[box], mode, to),
            lambda: self._world.submit(box, mode, to),
        )
        if both is not None:
            promised, real = both
            addresses = {one.pk: one.address for one in real.recipients}
            self._both.mails.append(Mail(len(self._both.mails), promised, real.message, real.review, addresses))

    def cancel(self, mail: int, aim: str) -> None:
        if chosen := self._aim("cancel", self._both.mails, mail, aim):
            self._both.same(
                f"an agent cancels {chosen}",
                lambda: self._model.cancel(chosen.promised),
                lambda: self._world.cancel(chosen.real),
            )

    def decide(self, verb: str, mail: int, aim: str, seen: str, by: str) -> None:
        """Nothing to decide on: an agent sends something."""
        reviewed = [one for one in self._both.mails if one.review]
        if aim == "where it fits" and not any(_fits(verb, one) for one in reviewed):
            return self.give_cause()
        chosen = self._aim(verb, reviewed, mail, aim)
        if chosen is None or chosen.promised.review is None or chosen.review is None:
            return None
        review, is_viewer = chosen.review, by == "viewer"
        version = chosen.promised.review.version - (seen == "an old version")
        self._both.same(
            f"{by} says {verb} to {chosen}",
            lambda: getattr(self._model, verb)(chosen.promised, version, is_viewer=is_viewer),
            lambda: getattr(self._world, verb)(review, version, is_viewer=is_viewer),
        )

    def give_cause(self) -> None:
        """Somebody has nothing to do: what is held is approved, or else an agent sends."""
        if any(_fits("approve", one) for one in self._both.mails):
            self.decide("approve", 0, "where it fits", "the present version", "rhea")
        else:
            number = len(self._both.mails)
            self.submit(number % len(MODES), None, [ADDRESSES[number % 5], ADDRESSES[5]])

    def stop(self) -> None:
        assert self._world.stop() is not self._model.is_stopped
        self._model.is_stopped = True

    def resume(self) -> None:
        assert self._world.resume() is self._model.is_stopped
        self._model.is_stopped = False

    def suppress(self, address: str) -> None:
        self._world.suppress(address)
        self._model.suppress(address)

    def set_mode(self, box: int, mode: str) -> None:
        self._world.set_mode(box, mode)
        self._model.boxes[box].mode = mode

    def set_status(self, box: int, status: str) -> None:
        self._world.set_status(box, status)
        self._model.boxes[box].is_paused = status == "PAUSED"

    def delete(self, box: int | None) -> None:
        if box is not None:
            self._world.delete(box)
            self._model.boxes[box].is_deleted = True

    def report(self, mail: int, which: int, state: str) -> None:
        """The next hop, or the addressee's provider, says what became of one copy."""
        chosen = choose(self._both.mails, mail)
        copy = choose(chosen.promised.copies, which) if chosen else None
        if chosen and copy:
            self._both.same(
                f"{copy.address} of {chosen} is reported as {state}",
                lambda: self._model.report(chosen.promised, copy, state),
                lambda: self._world.report(chosen.real, copy.address, state),
            )

    def _aim(self, verb: str, mails: list[Mail], which: int, aim: str) -> Mail | None:
        """One of the mails of which the verb can be true, where there is one."""
        fitting = [one for one in mails if _fits(verb, one)] if aim == "where it fits" else []
        return choose(fitting or mails, which)


def _fits(verb: str, mail: Mail) -> bool:
    statuses, reviews = FITS[verb]
    review = mail.promised.review
    return mail.promised.status in statuses and (review.state if review else None) in reviews
