"""What the model knows: mailboxes, messages with their copies and attempts, reviews, batches, workers."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

# Which messages a stop keeps: all, those of the account (its only one), or those of one mailbox, agent or key.
EVERYTHING, ACCOUNT = "everything", "account"


@dataclass(eq=False)
class Box:
    """`people`: how many must approve what is held here, by a rule that holds everything; 0 without one."""

    name: str
    mode: str
    people: int = 0
    floor: str | None = None
    is_paused: bool = False
    is_deleted: bool = False

    @property
    def may_send(self) -> bool:
        return not self.is_paused and not self.is_deleted and self.mode != "read_only"


@dataclass(eq=False)
class Copy:
    """One recipient. `next_at` may be a span: the product adds chance to its pauses. `is_dead`: it waits for a person
    since its last retry is spent; before `tried_before` attempts a person gave it another round of them.
    """

    address: str
    state: str = "waiting"
    next_at: datetime | tuple[datetime, datetime] | None = None
    attempts: list[Attempt] = field(default_factory=list)
    is_dead: bool = False
    tried_before: int = 0

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
    seen: Standing
    is_marked: bool = False
    noted: str = ""
    outcome: str = ""

    def __repr__(self) -> str:
        return f"attempt {self.number} at {self.copy.address}"

    @property
    def may_have_left(self) -> bool:
        return self.is_marked or self.outcome in ("sent", "unknown")


@dataclass(frozen=True)
class Standing:
    """What a worker saw of a mail when it read its batch."""

    is_open: bool
    is_suppressed: bool
    is_current: bool

    @property
    def halts_as(self) -> str:
        """The outcome of an attempt that begins so; empty when it may go on."""
        if not self.is_open:
            return "withdrawn"
        if self.is_suppressed:
            return "failed"
        return "" if self.is_current else "withdrawn"


@dataclass(eq=False)
class Worker:
    """One at a time is in hand: marked, and not answered. What was heard last is noted with the next mark."""

    waiting: list[Attempt] = field(default_factory=list)
    in_hand: Attempt | None = None
    heard: list[tuple[Attempt, str]] = field(default_factory=list)
    unnoted: tuple[Attempt, str] | None = None


@dataclass(eq=False)
class Review:
    """The message's `number`th. `approved_by`: whose approval counts. `last`: the last decision on it. `is_answered`:
    its author sent again.
    """

    message: Message
    number: int
    expires_at: datetime
    needed: int = 1
    state: str = "open"
    version: int = 1
    approved_by: list[str] = field(default_factory=list)
    approved_at: list[datetime] = field(default_factory=list)
    last: str = ""
    is_answered: bool = False
    claimed_by: str = ""
    claimed_until: datetime | None = None
    snoozed_until: datetime | None = None

    def holder(self, now: datetime) -> str:
        is_held = self.state == "open" and self.claimed_until is not None and self.claimed_until > now
        return self.claimed_by if is_held else ""

    def forget_votes(self) -> None:
        self.approved_by, self.approved_at = [], []


@dataclass(eq=False)
class Message:
    """A send, or with `is_received` a mail that came in, maybe in answer to one. `cleared`: the form that people, or
    the policy, let leave. `answered_at`: when agents were last shown an answer to it.
    """

    box: Box
    key: str
    mode: str
    provenance: str
    subject: str
    copies: list[Copy]
    status: str
    taken_at: datetime | None
    amount: int = 0
    revision: int = 1
    review: Review | None = None
    reviews_count: int = 0
    release_at: datetime | None = None
    needs_decision: bool = False
    cleared: tuple[str, frozenset[str]] | None = None
    is_received: bool = False
    answers: Message | None = None
    answered_at: datetime | None = None

    @property
    def is_irrevocable(self) -> bool:
        return any(not one.outcome or one.may_have_left for copy in self.copies for one in copy.attempts)

    @property
    def form(self) -> tuple[str, frozenset[str]]:
        """What a person would see of it: other words or other recipients are another form."""
        return self.subject, frozenset(copy.address for copy in self.copies)

    def open_review(self, expires_at: datetime, needed: int = 1) -> None:
        self.review, self.reviews_count = Review(self, self.reviews_count, expires_at, needed), self.reviews_count + 1


@dataclass(eq=False)
class Item:
    """One review of a batch, in the version that was named; without an outcome it is still to be done."""

    review: Review
    version: int
    outcome: str = ""


@dataclass(eq=False)
class Batch:
    verb: str
    by: str
    items: list[Item]
