"""The machine: Hypothesis chooses who does what next; model and product must answer alike and end in the same state."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from . import acts, checks, things
from .acts import Act
from .both import Both, Mail
from .crew import Crew
from .people import People
from .world import Cast

ACT_TAKES = timedelta(seconds=1)
# The rows that a story leaves are dead; where nobody removes them every later story reads past them.
SWEPT_AFTER = 25


@dataclass
class Told:
    """How much was told, counted over all stories."""

    stories: int = 0
    acts: int = 0


class Gatepost(RuleBasedStateMachine):
    """Subclassed by the test with the cast that it made."""

    cast: ClassVar[Cast]
    told: ClassVar[Told]

    def __init__(self) -> None:
        super().__init__()
        if self.told.stories % SWEPT_AFTER == SWEPT_AFTER - 1:
            checks.remove_dead_rows()
        self.told.stories += 1
        self.both = Both(self.cast)
        self.people = People(self.both)
        self.crew = Crew(self.both, self.people)
        self.is_sound = True

    def teardown(self) -> None:
        try:
            if self.is_sound:
                broken = checks.broken_in_the_end()
                assert not broken, f"Broken promises at the end: {broken}"
                self.both.world.check_constraints()
        finally:
            self.both.world.end()

    @initialize(send=st.fixed_dictionaries(acts.SEND))
    def first(self, send: dict[str, Any]) -> None:
        self._do(Act("submit", send))

    @rule(act=acts.acts)
    def then(self, act: Act) -> None:
        self._do(act)

    def _do(self, act: Act) -> None:
        self.is_sound = False
        self.told.acts += 1
        self.both.let_pass(ACT_TAKES)
        who = next(one for one in (self, self.people, self.crew) if hasattr(one, act.name))
        getattr(who, act.name)(**act.arguments)
        self._check()
        self.is_sound = True

    def wait(self, minutes: int) -> None:
        self.both.let_pass(timedelta(minutes=minutes))

    def _check(self) -> None:
        found = checks.found(self.cast.alice.account.pk)
        mails = self.both.mails
        assert len(found) == sum(len(mail.promised.copies) for mail in mails), "a recipient came or went"
        for mail in mails:
            for copy in mail.promised.copies:
                _compare(mail, copy, found[mail.real.pk, copy.address])
        broken = checks.broken_promises()
        assert not broken, f"Broken promises: {broken}"


def _compare(mail: Mail, copy: things.Copy, state: checks.State) -> None:
    if isinstance(copy.next_at, tuple) and isinstance(state.next_at, datetime):
        earliest, latest = copy.next_at
        assert earliest <= state.next_at <= latest, f"{copy.address} of {mail} is tried again at {state.next_at}"
        copy.next_at = state.next_at
    promised = checks.promised(mail.promised, copy)
    assert promised == state, f"{copy.address} of {mail}: the model says {promised}, the database {state}"
