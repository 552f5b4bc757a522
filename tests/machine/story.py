"""The machine: Hypothesis chooses who does what next; model and product must answer alike and end in the same state."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, ClassVar
from uuid import UUID

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from . import acts, checks
from .acts import Act
from .both import Both, Mail
from .crew import Crew
from .people import People
from .reviewers import Reviewers
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
    """Subclassed by the test with the cast that it made, and by `in_season`."""

    cast: ClassVar[Cast]
    told: ClassVar[Told]

    def __init__(self) -> None:
        super().__init__()
        if self.told.stories % SWEPT_AFTER == SWEPT_AFTER - 1:
            checks.remove_dead_rows()
        self.told.stories += 1
        self.both = Both(self.cast)
        self.people = People(self.both)
        self.reviewers = Reviewers(self.both, self.people)
        self.crew = Crew(self.both, self.people, self.reviewers)
        self.ids = {name: member.pk for name, member in self.cast.people.items()}
        self.states: dict[UUID, checks.State] = {}
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
        self.both.let_pass(ACT_TAKES)
        self._do(Act("submit", send))

    def _do(self, act: Act) -> None:
        self.is_sound = False
        self.told.acts += 1
        who = next(one for one in (self, self.people, self.reviewers, self.crew) if hasattr(one, act.name))
        getattr(who, act.name)(**act.arguments)
        self._check()
        self.is_sound = True

    def wait(self, minutes: int) -> None:
        self.both.let_pass(timedelta(minutes=minutes))

    def _check(self) -> None:
        """The next act comes a second later; the question sets the clock for it."""
        self.both.model.now += ACT_TAKES
        self.both.world.now = self.both.model.now
        answer = checks.asked(self.cast.alice.account.pk, clock=self.both.model.now)
        if answer is not None:
            assert not answer.broken, f"Broken promises: {answer.broken}"
            self.states = answer.states
        kept = [mail for mail in self.both.mails if mail.real.pk in self.states]
        assert len(self.states) == len(kept) == len(self.both.mails), "a message came or went"
        for mail in kept:
            _compare(mail, self.states[mail.real.pk], self.ids)
        if answer is not None:
            self.people.check_hidden()
            self.reviewers.check_sight()


def in_season(season: str) -> type[Gatepost]:
    """The machine with the acts of a season."""
    choices = acts.acts_of(season)

    class Season(Gatepost):
        @rule(act=choices)
        def then(self, act: Act) -> None:
            self._do(act)

    return Season


def _compare(mail: Mail, state: checks.State, people: Mapping[str, UUID]) -> None:
    for copy in mail.promised.copies:
        real = state.copies.get(copy.address)
        if real and isinstance(copy.next_at, tuple) and isinstance(real.next_at, datetime):
            earliest, latest = copy.next_at
            assert earliest <= real.next_at <= latest, f"{copy.address} of {mail} is tried again at {real.next_at}"
            copy.next_at = real.next_at
    promised = checks.promised(mail.promised, people)
    assert promised == state, f"{mail}: the model says {promised}, the database {state}"
