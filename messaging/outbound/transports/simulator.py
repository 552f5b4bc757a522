"""The simulator's addresses: what their imagined mail server answers, and what it sends back later.

`bounce@` `complaint@` `ooo@` react after acceptance; `greylist@` `slow@` `refuse@` `unknown@` answer in their own way;
any other address of the simulator's domain simply accepts.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from messaging.mime.types import Envelope

from . import simulated_mail
from .base import OutcomeUnknown, PermanentFailure, TransientFailure

SLOW_FOR = 3.0

Reaction = Callable[[Envelope, bytes], tuple[Envelope, bytes] | None]


@dataclass(frozen=True, slots=True)
class Play:
    """One imagined server. `refusal` is its answer at RCPT, `loses_answer` cuts the line after the dot."""

    refusal: tuple[str, str] | None = None
    is_greylisting: bool = False
    takes: float = 0
    loses_answer: bool = False
    reaction: Reaction | None = None

    def before_data(self, number: int) -> None:
        """What is said to RCPT, for the attempt of that number (from 1)."""
        if self.is_greylisting and number == 1:
            raise TransientFailure("450", "4.7.1 Greylisted, come again.")
        if self.refusal is not None:
            raise PermanentFailure(*self.refusal)

    def after_data(self) -> None:
        if self.takes:
            time.sleep(self.takes)
        if self.loses_answer:
            raise OutcomeUnknown("answer_lost", "The connection was lost after the message, before the answer.")


PLAYS = {
    "bounce": Play(reaction=simulated_mail.bounce),
    "complaint": Play(reaction=simulated_mail.complaint),
    "ooo": Play(reaction=simulated_mail.out_of_office),
    "greylist": Play(is_greylisting=True),
    "slow": Play(takes=SLOW_FOR),
    "refuse": Play(refusal=("550", "5.1.1 No such user here.")),
    "unknown": Play(loses_answer=True),
}


def play_of(local: str) -> Play:
    """The play of an address by its local part; `bounce+anything` plays `bounce`."""
    return PLAYS.get(local.split("+", 1)[0], Play())
