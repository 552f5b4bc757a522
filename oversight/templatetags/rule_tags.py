"""How the pages of the rules say verdicts, and what single rules found."""

from django import template

from oversight.backtest import Becomes
from oversight.policy.sentences import RULE_NAMES
from oversight.policy.types import Finding, Outcome, Result, Risk, Verdict

register = template.Library()

OUTCOMES = {
    Outcome.ALLOW: "Leaves by itself",
    Outcome.HOLD: "Waits for a person",
    Outcome.REFUSE: "Is refused",
}
ASKS = {Outcome.ALLOW: "lets it pass", Outcome.HOLD: "holds it", Outcome.REFUSE: "refuses it"}


@register.simple_tag
def verdict_words(verdict: Verdict | Becomes) -> str:
    """What becomes of a message, with lane, people and risk where it waits."""
    if verdict.outcome != Outcome.HOLD:
        return OUTCOMES[verdict.outcome]
    more = [f"lane {verdict.lane}"] if verdict.lane else []
    more += [f"{verdict.people} people"] if verdict.people > 1 else []
    more += [f"{verdict.risk} risk"] if verdict.risk != Risk.LOW else []
    return f"{OUTCOMES[verdict.outcome]} ({', '.join(more)})" if more else OUTCOMES[verdict.outcome]


@register.simple_tag
def finding_name(line: Finding) -> str:
    """The rule's name, for people."""
    return RULE_NAMES.get(line.rule) or line.name or line.rule


@register.simple_tag
def finding_words(line: Finding) -> str:
    """What a rule has to say about a message."""
    if line.result == Result.NOT_APPLICABLE:
        return "can't tell of this message"
    if line.result == Result.CLEARED and line.cleared_by:
        return f"would hold it, lifted by “{line.cleared_by}”"
    if line.outcome is None:
        return "nothing against it" if line.result == Result.NOT_MATCHED else "lets it pass"
    return f"{ASKS[line.outcome]}{' (a shadow: not heeded)' if line.is_shadow else ''}"
