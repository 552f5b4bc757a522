"""What the model knows: mailboxes, messages with their copies and attempts, reviews, workers."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime


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
    release_at: datetime | None = None

    @property
    def is_irrevocable(self) -> bool:
        return any(not one.outcome or one.may_have_left for copy in self.copies for one in copy.attempts)
