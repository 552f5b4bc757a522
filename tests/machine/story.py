"""The machine: Hypothesis chooses who does what next; model and product must answer alike and end in the same state."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, TypeVar, cast
from uuid import UUID

from hypothesis import note
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from config.invariants import check_all
from mailboxes.errors import Problem
from messaging.models import Message as RealMessage
from oversight.models import Review as RealReview

from . import checks, model, workers
from .model import Model, Refused
from .world import Cast, World

MODES = ["gated_send", "autonomous", "gated_send"]
ADDRESSES = [f"{name}@friends.example" for name in ("kim", "kim+news", "lou", "max", "nan", "oda")]
BEGINNING = datetime(2030, 1, 15, 10, 0, tzinfo=UTC)
ACT_TAKES = timedelta(seconds=1)

P = TypeVar("P")
G = TypeVar("G")


@dataclass(frozen=True)
class Act:
    """One step of the story: which method of the machine, with what."""

    name: str
    arguments: dict[str, Any]

    def __repr__(self) -> str:
        return f"{self.name}({', '.join(f'{name}={value!r}' for name, value in self.arguments.items())})"


def seldom(usual: object, rare: object) -> st.SearchStrategy[Any]:
    return st.sampled_from([*[usual] * 7, rare])


which = st.integers(0, 7)
box = st.integers(0, len(MODES) - 1)
worker = st.sampled_from(["Ada", "Bo"])
seen = seldom("the present version", "an old version")
aim = seldom("where it fits", "anywhere")
SEND: dict[str, st.SearchStrategy[Any]] = {
    "box": box,
    "mode": st.sampled_from([None, None, None, None, "gated_send", "read_only", "monitored"]),
    "to": st.lists(st.sampled_from(ADDRESSES), min_size=1, max_size=3, unique=True),
}
DECIDE = {"mail": which, "aim": aim, "seen": seen, "by": seldom("rhea", "viewer")}

# Weight, act, what it is done with. One rule instead of one for each, because Hypothesis switches rules off at random,
# and a story without a worker is short.
ACTS: list[tuple[int, str, dict[str, st.SearchStrategy[Any]]]] = [
    (4, "submit", SEND),
    (2, "cancel", {"mail": which, "aim": aim}),
    (5, "decide", {"verb": st.just("approve")} | DECIDE),
    (1, "decide", {"verb": st.just("reject")} | DECIDE),
    (3, "decide", {"verb": st.just("undo")} | DECIDE),
    (6, "claim", {"worker": worker, "limit": st.sampled_from([1, 2, 20])}),
    (5, "begin", {"which": which}),
    (8, "answer", {"which": which, "kind": st.sampled_from(["sent", "unknown", "deferred", "failed"])}),
    (1, "give_back", {"worker": worker}),
    (1, "crash", {"worker": worker}),
    (3, "sweep", {"what": st.sampled_from(["reap", "reap", "expire", "cancel_departed"])}),
    (3, "wait", {"minutes": st.sampled_from([1, 1, 1, 16, 16, 16, 300, 1440, 9000])}),
    (2, "report", {"mail": which, "which": which, "state": st.sampled_from(model.TAKEN)}),
    (1, "stop_or_resume", {}),
    (1, "suppress", {"address": st.sampled_from(ADDRESSES[2:])}),
    (1, "set_mode", {"box": box, "mode": st.sampled_from(["gated_send", "gated_send", "autonomous", "read_only"])}),
    (1, "pause_or_wake", {"box": box}),
    (1, "delete", {"box": seldom(None, 2)}),
]  # fmt: skip
FITS = {"cancel": ("held", "queued"), "approve": ("held",), "reject": ("held",), "undo": ("queued",)}
acts = st.sampled_from([(name, given) for weight, name, given in ACTS for _ in range(weight)]).flatmap(
    lambda act: st.builds(Act, st.just(act[0]), st.fixed_dictionaries(act[1]))
)


@dataclass(eq=False)
class Mail:
    """A message as the model and as the product know it."""

    number: int
    promised: model.Message
    real: RealMessage
    review: RealReview | None
    addresses: dict[UUID, str]

    def __repr__(self) -> str:
        return f"mail {self.number}"


@dataclass(eq=False)
class Held:
    """An attempt in a worker's hand."""

    promised: model.Attempt
    claimed: workers.Claimed
    has_begun: bool = False

    def __repr__(self) -> str:
        return f"attempt {self.promised.number} at {self.promised.copy.address}"


class Gatepost(RuleBasedStateMachine):
    """Subclassed by the test with the cast that it made."""

    cast: ClassVar[Cast]

    def __init__(self) -> None:
        super().__init__()
        self.model = Model(BEGINNING, MODES)
        self.world = World(self.cast, BEGINNING)
        self.mails: list[Mail] = []
        self.hands: dict[str, list[Held]] = {"Ada": [], "Bo": []}

    def teardown(self) -> None:
        try:
            broken = [f"{one.invariant.id}: {one.found}" for one in check_all() if not one.holds]
            assert not broken, f"Broken promises at the end: {broken}"
        finally:
            self.world.end()

    @initialize(send=st.fixed_dictionaries(SEND))
    def first(self, send: dict[str, Any]) -> None:
        self.submit(**send)
        self._check()

    @rule(act=acts)
    def then(self, act: Act) -> None:
        self._pass(ACT_TAKES)
        getattr(self, act.name)(**act.arguments)
        self._check()

    def _check(self) -> None:
        found = checks.found(self.cast.alice.account.pk)
        assert len(found) == sum(len(mail.promised.copies) for mail in self.mails), "a recipient came or went"
        for mail in self.mails:
            for copy in mail.promised.copies:
                self._compare(mail, copy, found[mail.real.pk, copy.address])
        broken = checks.broken_promises()
        assert not broken, f"Broken promises: {broken}"

    def _compare(self, mail: Mail, copy: model.Copy, state: checks.State) -> None:
        if isinstance(copy.next_at, tuple) and isinstance(state.next_at, datetime):
            earliest, latest = copy.next_at
            assert earliest <= state.next_at <= latest, f"{copy.address} of {mail} is tried again at {state.next_at}"
            copy.next_at = state.next_at
        promised = checks.promised(mail.promised, copy)
        assert promised == state, f"{copy.address} of {mail}: the model says {promised}, the database {state}"

    # What agents do.

    def submit(self, box: int, mode: str | None, to: list[str]) -> None:
        both = self._same(
            f"an agent sends to {len(to)} from box {box}",
            lambda: self.model.submit(self.model.boxes[box], mode, to),
            lambda: self.world.submit(box, mode, to),
        )
        if both is not None:
            promised, real = both
            review = RealReview.objects.filter(message=real).first()
            addresses = {one.pk: one.address for one in real.recipients.all()}
            self.mails.append(Mail(len(self.mails), promised, real, review, addresses))

    def cancel(self, mail: int, aim: str) -> None:
        if chosen := self._aim("cancel", self.mails, mail, aim):
            self._same(
                f"an agent cancels {chosen}",
                lambda: self.model.cancel(chosen.promised),
                lambda: self.world.cancel(chosen.real),
            )

    # What humans do.

    def decide(self, verb: str, mail: int, aim: str, seen: str, by: str) -> None:
        chosen = self._aim(verb, [one for one in self.mails if one.review], mail, aim)
        if chosen is None or chosen.promised.review is None or chosen.review is None:
            return
        review, is_viewer = chosen.review, by == "viewer"
        version = chosen.promised.review.version - (seen == "an old version")
        self._same(
            f"{by} says {verb} to {chosen}",
            lambda: getattr(self.model, verb)(chosen.promised, version, is_viewer=is_viewer),
            lambda: getattr(self.world, verb)(review, version, is_viewer=is_viewer),
        )

    def stop_or_resume(self) -> None:
        was_stopped = self.model.is_stopped
        assert self.world.resume() == was_stopped
        assert was_stopped or self.world.stop()
        self.model.is_stopped = not was_stopped

    def suppress(self, address: str) -> None:
        self.world.suppress(address)
        self.model.suppressed.add(model.Copy(address).suppression_key)

    def set_mode(self, box: int, mode: str) -> None:
        self.world.set_mode(box, mode)
        self.model.boxes[box].mode = mode

    def pause_or_wake(self, box: int) -> None:
        chosen = self.model.boxes[box]
        chosen.is_paused = not chosen.is_paused
        self.world.set_status(box, "PAUSED" if chosen.is_paused else "ACTIVE")

    def delete(self, box: int | None) -> None:
        if box is not None:
            self.world.delete(box)
            self.model.boxes[box].is_deleted = True

    # What workers, their sweeps and the network do.

    def claim(self, worker: str, limit: int) -> None:
        """Nothing due: time passes until something is."""
        times = [copy.next_at for mail in self.mails for copy in mail.promised.copies]
        first = min((at for at in times if isinstance(at, datetime)), default=self.model.now)
        self._pass(max(first - self.model.now, timedelta()))
        due = self.model.due()
        claimed = workers.claim(limit=limit, now=self.model.now)
        assert len(claimed) == min(limit, len(due)), f"{len(due)} are due, {len(claimed)} were claimed"
        for one in claimed:
            recipient = workers.recipient_of(one)
            mail = next(mail for mail in self.mails if recipient in mail.addresses)
            [copy] = [copy for copy in mail.promised.copies if copy.address == mail.addresses[recipient]]
            assert copy in due, f"{copy.address} of {mail} is not due"
            self.hands[worker].append(Held(self.model.claim(copy), one))
        note(f"    {worker} claims {len(claimed)} of {len(due)}")

    def begin(self, which: int) -> None:
        """Nothing in hand: a worker looks for something."""
        held = _choose([one for hand in self.hands.values() for one in hand if not one.has_begun], which)
        if held is None:
            return self.claim("Ada", 2)
        self._begin(held)

    def answer(self, which: int, kind: str) -> None:
        """The network's answer; without a body there can't be a yes, nor a lost one, so the body begins first."""
        held = _choose([one for hand in self.hands.values() for one in hand], which)
        if held is None:
            return self.begin(which)
        if kind in ("sent", "unknown") and not held.has_begun:
            self._begin(held)
        if any(held in hand for hand in self.hands.values()):
            self._finish(held, kind)

    def give_back(self, worker: str) -> None:
        """The worker is told to stop: what it did not begin it gives back."""
        for held in [one for one in self.hands[worker] if not one.has_begun]:
            self._finish(held, "withdrawn")

    def crash(self, worker: str) -> None:
        self.hands[worker].clear()

    def sweep(self, what: str) -> None:
        given = {
            "reap": lambda: workers.reap(now=self.model.now),
            "expire": self.world.expire,
            "cancel_departed": self.world.cancel_departed,
        }
        self._same(f"the sweep does {what}", getattr(self.model, what), given[what])

    def report(self, mail: int, which: int, state: str) -> None:
        chosen = _choose(self.mails, mail)
        copy = _choose(chosen.promised.copies, which) if chosen else None
        if chosen and copy:
            self._same(
                f"{copy.address} of {chosen} is reported as {state}",
                lambda: self.model.report(chosen.promised, copy, state),
                lambda: self.world.report(chosen.real, copy.address, state),
            )

    def wait(self, minutes: int) -> None:
        self._pass(timedelta(minutes=minutes))

    def _pass(self, time: timedelta) -> None:
        if time:
            self.model.now += time
            self.world.set_clock(self.model.now)

    def _aim(self, verb: str, mails: list[Mail], which: int, aim: str) -> Mail | None:
        """One of the mails of which the verb can be true, where there is one."""
        fitting = [one for one in mails if one.promised.status in FITS[verb]] if aim == "where it fits" else []
        return _choose(fitting or mails, which)

    def _begin(self, held: Held) -> None:
        both = self._same(
            f"a worker begins {held}",
            lambda: self.model.begin(held.promised),
            lambda: workers.begin(held.claimed, now=self.model.now),
        )
        held.has_begun = True
        if both and both[0] != "data":
            self._let_go(held)

    def _let_go(self, held: Held) -> None:
        for hand in self.hands.values():
            hand[:] = [one for one in hand if one is not held]

    def _finish(self, held: Held, kind: str) -> None:
        self._let_go(held)
        self._same(
            f"a worker hears {kind} of {held}",
            lambda: self.model.answer(held.promised, kind),
            lambda: workers.answer(held.claimed, kind, now=self.model.now),
        )

    def _same(self, told: str, promised: Callable[[], P], given: Callable[[], G]) -> tuple[P, G] | None:
        """Both results; None where both refused. They must refuse with one code, or answer alike."""
        expected, real = _answer(promised), _answer(lambda: self.world.in_a_transaction(given))
        note(
            f"    {self.model.now:%d %b %H:%M:%S}, {told}: {real if isinstance(real, Refusal | str | int) else 'done'}"
        )
        if isinstance(expected, Refusal | str | int) or isinstance(real, Refusal):
            assert expected == real, f"{told}: the model says {expected}, the product {real}"
        if isinstance(expected, Refusal) or isinstance(real, Refusal):
            return None
        return cast(P, expected), cast(G, real)


@dataclass(frozen=True)
class Refusal:
    """A verb said no, with this code."""

    code: str


def _answer(verb: Callable[[], P]) -> P | Refusal:
    try:
        return verb()
    except Refused as refused:
        return Refusal(str(refused))
    except Problem as problem:
        return Refusal(problem.code)


def _choose(things: list[P], which: int) -> P | None:
    return things[which % len(things)] if things else None
