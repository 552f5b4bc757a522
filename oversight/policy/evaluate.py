"""Facts in, verdict with trace out. A dry run is the same call."""

from __future__ import annotations

from .rules import RULES
from .types import Facts, Finding, Outcome, Verdict

NO_RULE = "no_rule_applied"


def evaluate(facts: Facts) -> Verdict:
    """The strictest of what the rules ask for. Where no rule has a word, a human has it: the message is held."""
    trace = tuple(rule(facts) for rule in RULES)
    deciding = _strictest(trace)
    if deciding is None or deciding.outcome is None:
        return Verdict(Outcome.HOLD, NO_RULE, "No rule applied to this message, so it waits for a human.", trace)
    return Verdict(deciding.outcome, deciding.code, deciding.text, trace, fix=deciding.fix)


def _strictest(trace: tuple[Finding, ...]) -> Finding | None:
    speaking = [finding for finding in trace if finding.outcome is not None]
    return max(speaking, key=lambda finding: finding.outcome.strictness if finding.outcome else -1, default=None)
