"""Rules as data: read from JSON, strictly, and looked at with the facts of a message."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from . import conditions, wording
from .built_in import NAMES
from .conditions import Condition
from .free_mail import FREE_MAIL
from .reading import Field, Place, choice, flag, members, optional, slug, text, whole
from .types import Facts, Finding, Outcome, Result, Risk, Scope

MOST_RULES, MOST_CONDITIONS, MOST_PEOPLE = 100, 10, 5


@dataclass(frozen=True, slots=True)
class Rule:
    """One clause: when all its conditions are met, it asks for `then`. A shadow is told in the trace, not heeded."""

    id: str
    name: str
    when: tuple[Condition, ...]
    then: Outcome
    lane: str = ""
    people: int = 1
    risk: Risk = Risk.LOW
    is_on: bool = True
    is_shadow: bool = False

    @property
    def code(self) -> str:
        """What agents are told it was about: the kind of its first condition."""
        return self.when[0].kind.name


@dataclass(frozen=True, slots=True)
class RuleSet:
    """The rules of an account or of one mailbox in one version. `id` names the version for good."""

    id: str
    scope: Scope
    version: int
    rules: tuple[Rule, ...]


@dataclass(frozen=True, slots=True)
class Warning:
    """A rule that can be used, and may not be what was meant."""

    rule: str
    field: str
    text: str


def read(given: object) -> tuple[Rule, ...]:
    """The rules of a set from their JSON, a list. Raises Malformed, which names the rule and the field."""
    place = Place("rules")
    if not isinstance(given, list):
        raise place.wrong("Here belongs a list of rules.")
    if len(given) > MOST_RULES:
        raise place.wrong(f"A rule set has at most {MOST_RULES} rules.")
    found: dict[str, Rule] = {}
    for number, one in enumerate(given):
        rule = _read_rule(one, place.item(number))
        if rule.id in found:
            raise Place(f"rules[{number}].id", rule.id).wrong("Two rules of a set have different ids.")
        found[rule.id] = rule
    return tuple(found.values())


def find(rule: Rule, rule_set: RuleSet, facts: Facts) -> Finding:
    """What the rule has to say about a message: one line of the trace."""
    looks = [condition.look(facts, for_every=rule.then == Outcome.ALLOW) for condition in rule.when]
    told = "; ".join(look.found for look in looks if look.found)
    if any(look.is_met is False for look in looks):
        result = Result.NOT_MATCHED
    elif any(look.is_met is None for look in looks):
        result = Result.NOT_APPLICABLE
    else:
        return _matched(rule, rule_set, told)
    return Finding(
        rule.id, rule_set.version, result, detail=told, scope=rule_set.scope, name=rule.name, is_shadow=rule.is_shadow
    )


def needed(rule_sets: Iterable[RuleSet]) -> frozenset[str]:
    """The names of the Facts that these rule sets ask for. What is built in asks for none that is not always told."""
    return frozenset(
        name
        for rule_set in rule_sets
        for rule in rule_set.rules
        if rule.is_on
        for condition in rule.when
        for name in condition.kind.needs_of(condition.given)
    )


def warnings(rules: Sequence[Rule]) -> list[Warning]:
    """What whoever proposes these rules should look at once more."""
    return [warning for rule in rules if rule.then == Outcome.ALLOW for warning in _warnings(rule)]


def _read_rule(given: object, place: Place) -> Rule:
    named = given.get("id") if isinstance(given, dict) else None
    place = Place(place.path, named[:40] if isinstance(named, str) else place.path)
    found = members(given, _RULE, place)
    if found["id"] in NAMES:
        raise place.of("id").wrong("That is the name of a rule that is built in.")
    then = Outcome(found["then"])
    for name in ("lane", "people", "risk"):
        if then != Outcome.HOLD and found[name] is not None:
            raise place.of(name).wrong("Only a rule that holds names lane, people or risk.")
    return Rule(
        id=found["id"],
        name=found["name"],
        when=found["when"],
        then=then,
        lane=found["lane"] or "",
        people=found["people"] or 1,
        risk=Risk(found["risk"] or Risk.LOW),
        is_on=found["isOn"],
        is_shadow=found["isShadow"],
    )


def _matched(rule: Rule, rule_set: RuleSet, told: str) -> Finding:
    return Finding(
        rule.id,
        rule_set.version,
        Result.MATCHED,
        rule.then,
        rule.code,
        wording.text_of(rule.code, rule.then),
        wording.fix_of(rule.code, rule.then),
        detail=told,
        lane=rule.lane,
        people=rule.people,
        risk=rule.risk,
        scope=rule_set.scope,
        name=rule.name,
        is_shadow=rule.is_shadow,
    )


def _warnings(rule: Rule) -> Iterable[Warning]:
    if all(condition.kind.name == "always" for condition in rule.when):
        yield Warning(rule.id, "when", "Whatever a gated_send mailbox sends leaves without a person.")
    for number, condition in enumerate(rule.when):
        if condition.kind.name != "recipient_list" or condition.is_not:
            continue
        for address in condition.given["addresses"]:
            if address.startswith("*@") and address[2:] in FREE_MAIL:
                text = f"Anybody can have an address at {address[2:]}: name the addresses that you mean."
                yield Warning(rule.id, f"when[{number}].addresses", text)


def _conditions(given: object, place: Place) -> tuple[Condition, ...]:
    if not isinstance(given, list) or not 1 <= len(given) <= MOST_CONDITIONS:
        raise place.wrong(f"Here belongs a list of 1 to {MOST_CONDITIONS} conditions.")
    return tuple(conditions.read(one, place.item(number)) for number, one in enumerate(given))


_RULE = {
    "id": Field(slug),
    "name": Field(text(100)),
    "when": Field(_conditions),
    "then": Field(choice([*Outcome])),
    "lane": optional(slug),
    "people": optional(whole(1, MOST_PEOPLE)),
    "risk": optional(choice([*Risk])),
    "isOn": optional(flag, default=True),
    "isShadow": optional(flag, default=False),
}
