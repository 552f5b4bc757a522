"""Classes that never graduate: what a rule stops is stopped at every rung, whatever the mode, the track record or a
code say. A rule that holds or refuses is such a class; `allow` lifts no more than the hold of a mailbox's own
gated_send."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from .built_in import OWN_KEY
from .rules import RuleSet
from .types import Outcome, Scope


@dataclass(frozen=True, slots=True)
class NeverAlone:
    """One class by the name of its rule, for members. `outcome`: it waits for people, or never leaves."""

    rule: str
    name: str
    outcome: Outcome
    scope: str


KEYS = NeverAlone(OWN_KEY, "Keys of this server in the text", Outcome.HOLD, "")


def never_alone(rule_sets: Iterable[RuleSet]) -> tuple[NeverAlone, ...]:
    """What these rules stop at every rung, and what is built in. Shadows stop nothing."""
    found = [
        NeverAlone(rule.id, rule.name, rule.then, Scope(one.scope).value)
        for one in rule_sets
        for rule in one.rules
        if rule.is_on and not rule.is_shadow and rule.then != Outcome.ALLOW
    ]
    return (KEYS, *found)
