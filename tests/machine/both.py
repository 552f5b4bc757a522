"""Model and product side by side: told the same, they must answer alike."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TypeVar, cast
from uuid import UUID

from hypothesis import note

from mailboxes.errors import Problem
from messaging.models import Message as RealMessage

from . import acts, things
from .model import Model, Refused
from .world import Cast, World

P = TypeVar("P")
G = TypeVar("G")


@dataclass(eq=False)
class Mail:
    """A message as the model and as the product know it. `reviews` are the product's, oldest first."""

    number: int
    promised: things.Message
    real: RealMessage
    reviews: list[UUID] = field(default_factory=list)

    def __repr__(self) -> str:
        return f"mail {self.number}"

    def copy(self, address: str) -> things.Copy:
        return next(copy for copy in self.promised.copies if copy.address == address)


@dataclass(frozen=True)
class Refusal:
    """A verb said no, with this code."""

    code: str


class Both:
    """The model, the product, and the mails and batches that they share."""

    def __init__(self, cast: Cast) -> None:
        self.model = Model(acts.BEGINNING, acts.boxes())
        self.world = World(cast, acts.BEGINNING)
        self.mails: list[Mail] = []
        self.batches: list[tuple[things.Batch, UUID]] = []

    def let_pass(self, time: timedelta) -> None:
        if time:
            self.model.now += time
            self.world.set_clock(self.model.now)

    def review_of(self, mail: Mail) -> UUID:
        """The product's newest review of the mail."""
        if len(mail.reviews) < mail.promised.reviews_count:
            mail.reviews = self.world.reviews_of(mail.real)
        return mail.reviews[-1]

    def same(self, told: str, promised: Callable[[], P], given: Callable[[], G]) -> tuple[P, G] | None:
        """Both results; None where both refused. They must refuse with one code, or answer alike."""
        expected, real = _answer(promised), _answer(given)
        note(
            f"    {self.model.now:%d %b %H:%M:%S}, {told}: {real if isinstance(real, Refusal | str | int) else 'done'}"
        )
        if isinstance(expected, Refusal | str | int) or isinstance(real, Refusal):
            assert expected == real, f"{told}: the model says {expected}, the product {real}"
        if isinstance(expected, Refusal) or isinstance(real, Refusal):
            return None
        return cast(P, expected), cast(G, real)


def choose(items: list[P], which: int) -> P | None:
    return items[which % len(items)] if items else None


def _answer(verb: Callable[[], P]) -> P | Refusal:
    try:
        return verb()
    except Refused as refused:
        return Refusal(str(refused))
    except Problem as problem:
        return Refusal(problem.code)
