"""What differs between two versions of rules, and whether that lets anything pass which was stopped before."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from .conditions import Condition
from .rules import Rule
from .types import Outcome


class ChangeKind(StrEnum):
    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"


@dataclass(frozen=True, slots=True)
class RuleChange:
    """One rule before and after. `is_looser`: it may let something pass that was stopped, or stop it less."""

    kind: ChangeKind
    before: Rule | None
    after: Rule | None
    is_looser: bool

    @property
    def rule(self) -> Rule:
        found = self.after or self.before
        assert found is not None
        return found


def between(before: Sequence[Rule], after: Sequence[Rule]) -> list[RuleChange]:
    """The changes from one to the other, in the order of the newer one; what was taken out last. Order is no change."""
    old, new = {rule.id: rule for rule in before}, {rule.id: rule for rule in after}
    found = []
    for rule in after:
        was = old.get(rule.id)
        if was is None:
            found.append(RuleChange(ChangeKind.ADDED, None, rule, is_looser(None, rule)))
        elif was != rule:
            found.append(RuleChange(ChangeKind.CHANGED, was, rule, is_looser(was, rule)))
    gone = (rule for rule in before if rule.id not in new)
    return found + [RuleChange(ChangeKind.REMOVED, rule, None, is_looser(rule, None)) for rule in gone]


def is_looser(before: Rule | None, after: Rule | None) -> bool:
    """Whether the second may stop less than the first. Where that can't be told from the rules alone, it may."""
    was, will = _heeded(before), _heeded(after)
    if will is None:
        return was is not None and was.then != Outcome.ALLOW
    if was is None:
        return will.then == Outcome.ALLOW
    if will.then.strictness < was.then.strictness:
        return True
    if will.then == Outcome.ALLOW:  # more to be met: less passes
        return not _all_of(was.when, will.when)
    if was.then == Outcome.ALLOW:
        return False
    is_weaker = will.then == Outcome.HOLD and (will.people < was.people or will.risk.weight < was.risk.weight)
    return is_weaker or not _all_of(will.when, was.when)  # less to be met: more is stopped


def _heeded(rule: Rule | None) -> Rule | None:
    return rule if rule is not None and rule.is_on and not rule.is_shadow else None


def _all_of(some: Iterable[Condition], others: Sequence[Condition]) -> bool:
    return all(one in others for one in some)
