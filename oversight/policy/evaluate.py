"""Facts and rules in, verdict with trace out. A dry run and a back-test are the same call."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from mailboxes.modes import OversightMode

from .built_in import BUILT_IN, MODE
from .rules import RuleSet, find
from .types import Facts, Finding, Outcome, Result, Risk, Verdict

NO_RULE = "no_rule_applied"


def evaluate(facts: Facts, rules: Sequence[RuleSet] = ()) -> Verdict:
    """The strictest of what the rules in force ask for. Where no rule has a word, a human has it: the message is held.

    What a rule lets pass is the hold of the mailbox's own gated_send, and nothing else. The order of rules and rule
    sets changes nothing but that of the trace.
    """
    built_in = [find_one(facts) for find_one in BUILT_IN]
    found = [find(rule, one, facts) for one in rules for rule in one.rules if rule.is_on]
    trace = _cleared(facts, (*built_in, *found))
    heeded = sorted((one for one in trace if one.outcome is not None and not one.is_shadow), key=_rank)
    if not heeded:
        return Verdict(Outcome.HOLD, NO_RULE, "No rule applied to this message, so it waits for a human.", trace)
    first = heeded[0]
    stopping = [one for one in heeded if one.outcome != Outcome.ALLOW]
    holding = stopping if first.outcome == Outcome.HOLD else []
    assert first.outcome is not None
    return Verdict(
        first.outcome,
        first.code,
        first.text,
        trace,
        fix=first.fix,
        lane=next((one.lane for one in holding if one.lane), ""),
        people=max((one.people for one in holding), default=1),
        risk=max((one.risk for one in holding), key=lambda risk: risk.weight, default=Risk.LOW),
        also=_also(first, stopping),
        cleared_by=first.rule if first.outcome == Outcome.ALLOW else "",
    )


def _cleared(facts: Facts, trace: tuple[Finding, ...]) -> tuple[Finding, ...]:
    """The trace, with what rules let pass. A mode that the message itself asked for is not the mailbox's own."""
    letting = [one for one in trace if one.outcome == Outcome.ALLOW and one.result == Result.MATCHED]
    letting = sorted((one for one in letting if not one.is_shadow), key=_rank)
    is_own = facts.mode == facts.mailbox_mode == OversightMode.GATED_SEND and not facts.is_mode_asked
    if not letting or not is_own:
        return trace
    name = letting[0].rule
    return tuple(
        replace(one, result=Result.CLEARED, outcome=None, cleared_by=name)
        if one.rule == MODE
        else replace(one, result=Result.CLEARED)
        if one in letting
        else one
        for one in trace
    )


def _rank(finding: Finding) -> tuple[int | bool | str, ...]:
    """What decides comes first: the strictest; of those alike what says most about the message, the mode last."""
    outcome = finding.outcome or Outcome.ALLOW
    is_lifting = finding.result == Result.CLEARED
    return (
        -outcome.strictness,
        not is_lifting,
        -finding.risk.weight,
        -finding.people,
        finding.rule == MODE,
        finding.is_floor,
        finding.scope,
        finding.rule,
    )


def _also(first: Finding, stopping: Iterable[Finding]) -> tuple[str, ...]:
    """The codes of what else would have stopped it: whoever mends one thing should not run into the next."""
    codes = dict.fromkeys(one.code for one in stopping if one is not first)
    return tuple(code for code in codes if code != first.code)
