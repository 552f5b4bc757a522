"""A rule as it is typed: from its JSON to fields, from fields to its JSON, and what is wrong beside the field."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django.http import QueryDict

from mailboxes.errors import Invalid
from oversight.policy.rules import MOST_CONDITIONS, MOST_PEOPLE

from .rule_fields import KIND_NAMES, LINES, NUMBER, PARAMS, TICKS, WITHOUT_NOT, Param

Condition = dict[str, Any]
ON, SHADOW, OFF = "on", "shadow", "off"
STATES = (
    (ON, "On"),
    (SHADOW, "Shadow: it looks and is told, and decides nothing"),
    (OFF, "Off"),
)
THENS = (
    ("hold", "Hold: a person decides"),
    ("refuse", "Refuse: it never leaves"),
    ("allow", "Let pass what only a mailbox gated for sends holds"),
)
RISKS = (("low", "Low"), ("medium", "Medium"), ("high", "High: with a second step"))
PLAIN = ("name", "then", "lane", "people", "risk", "state", "shadowed", "place", "note")
MISSING = "This member is required."
_PATH = re.compile(r"rules(?:\[(\d+)\])?(?:\.when\[(\d+)\])?(?:\.(\w+))?(?:\[(\d+)\])?")


@dataclass(slots=True)
class RuleForm:
    """What stands in the fields, and what is wrong with it by the name of the field."""

    plain: dict[str, str]
    conditions: list[Condition]
    errors: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of_rule(cls, rule: Mapping[str, Any], *, place: int) -> RuleForm:
        state = OFF if rule.get("isOn") is False else SHADOW if rule.get("isShadow") else ON
        plain = {name: str(rule.get(name) or "") for name in ("name", "then", "lane", "people", "risk")}
        plain["shadowed"] = "1" if rule.get("isShadow") else ""  # of one that is off: it stays so
        return cls(plain | {"state": state, "place": str(place), "note": ""}, [dict(one) for one in rule["when"]])

    @classmethod
    def of_post(cls, sent: QueryDict) -> RuleForm:
        kinds = [sent.get(f"c{number}-kind", "") for number in range(MOST_CONDITIONS + 1)]
        known = [(number, kind) for number, kind in enumerate(kinds) if kind in KIND_NAMES]
        plain = {name: sent.get(name, "").strip() for name in PLAIN}
        return cls(plain, [_condition(sent, number, kind) for number, kind in known])

    def rule(self, rule_id: str) -> dict[str, Any]:
        """The rule as JSON, as it was typed: what is wrong with it `rule_sets.read` says."""
        told: dict[str, Any] = {"id": rule_id, "name": self.plain["name"], "when": self.conditions}
        told["then"] = self.plain["then"]
        if self.plain["lane"]:
            told["lane"] = self.plain["lane"]
        if self.plain["people"] not in ("", "1"):
            told["people"] = _number(self.plain["people"])
        if self.plain["risk"] not in ("", "low"):
            told["risk"] = self.plain["risk"]
        if self.plain["state"] == OFF:
            told["isOn"] = False
        if self.plain["state"] == SHADOW or (self.plain["state"] == OFF and self.plain["shadowed"]):
            told["isShadow"] = True
        return told

    @property
    def place(self) -> int:
        """Where among the others it shall stand, from 1; at the end where nothing sensible was typed."""
        typed = self.plain["place"]
        return int(typed) if typed.isascii() and typed.isdecimal() and len(typed) < 6 else 10**6

    def add(self, kind: str) -> None:
        if kind in KIND_NAMES and len(self.conditions) < MOST_CONDITIONS:
            self.conditions.append({"kind": kind})

    def remove(self, number: str) -> None:
        if number.isdecimal() and int(number) < len(self.conditions):
            del self.conditions[int(number)]

    def take(self, wrong: Invalid, *, at: int) -> None:
        """Put what is wrong with the rule at that place of the set (from 0) beside its field."""
        path = str(wrong.extra.get("field") or "")
        sentence = wrong.sentence.removeprefix(f"{path}: ")
        found = _PATH.fullmatch(path)
        if found is None or found[1] is None or int(found[1]) != at:
            self.errors["form"] = wrong.sentence
            return
        number, name, line = found[2], found[3] or "name", found[4]
        sentence = "Fill this in." if sentence == MISSING else sentence
        if line is not None:
            sentence = f"Line {int(line) + 1}: {sentence}"
        self.errors["name" if name == "id" else name if number is None else f"c{number}-{name}"] = sentence

    def blocks(self) -> list[dict[str, Any]]:
        """The conditions as the template draws them."""
        return [self._block(number, one) for number, one in enumerate(self.conditions)]

    def _block(self, number: int, given: Condition) -> dict[str, Any]:
        kind = given["kind"]
        return {
            "number": number,
            "kind": kind,
            "title": KIND_NAMES[kind],
            "may_be_turned": kind not in WITHOUT_NOT,
            "is_not": bool(given.get("isNot")),
            "error": self.errors.get(f"c{number}-isNot", ""),
            "params": [self._param(number, one, given.get(one.name)) for one in PARAMS.get(kind, ())],
        }

    def _param(self, number: int, param: Param, value: Any) -> dict[str, Any]:
        name = f"c{number}-{param.name}"
        chosen = {str(one) for one in value} if isinstance(value, list) else {str(value or "")}
        return {
            "name": name,
            "label": param.label,
            "widget": param.widget,
            "hint": param.hint,
            "error": self.errors.get(name, ""),
            "value": "\n".join(map(str, value)) if isinstance(value, list) else "" if value is None else str(value),
            "options": [(one, label, one in chosen) for one, label in param.options],
        }


def empty(*, place: int) -> RuleForm:
    """A rule that nobody has begun yet."""
    plain = dict.fromkeys(PLAIN, "") | {"then": "hold", "people": "1", "risk": "low", "state": ON, "place": str(place)}
    return RuleForm(plain, [])


def people() -> list[str]:
    return [str(number) for number in range(1, MOST_PEOPLE + 1)]


def _condition(sent: QueryDict, number: int, kind: str) -> Condition:
    found: Condition = {"kind": kind}
    if sent.get(f"c{number}-isNot"):
        found["isNot"] = True
    for param in PARAMS.get(kind, ()):
        value = _typed(sent, f"c{number}-{param.name}", param)
        if value not in ("", []):
            found[param.name] = value
    return found


def _typed(sent: QueryDict, name: str, param: Param) -> Any:
    if param.widget == TICKS:
        return sent.getlist(name)
    if param.widget == LINES:
        return [line.strip() for line in sent.get(name, "").splitlines() if line.strip()]
    text = sent.get(name, "").strip()
    return _number(text) if param.widget == NUMBER else text


def _number(text: str) -> int | str:
    """A whole number, or what was typed in its place: the policy says what is wrong with it."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 12 else text
