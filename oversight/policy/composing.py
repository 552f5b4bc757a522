"""Rules as JSON, with one more, one less, or one in the place of another: what a new version is proposed of."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from typing import Any

from .built_in import NAMES

MOST_OF_ID = 40
_NOT_OF_ID = re.compile(r"[^a-z0-9]+")
Rules = list[dict[str, Any]]


def find(rules: Sequence[dict[str, Any]], rule_id: str) -> dict[str, Any] | None:
    return next((rule for rule in rules if rule.get("id") == rule_id), None)


def put(rules: Sequence[dict[str, Any]], rule: dict[str, Any], *, place: int) -> Rules:
    """The rules with this one, in the place of that with its id if there is one; `place` counts from 1."""
    others = without(rules, rule["id"])
    at = min(max(place, 1), len(others) + 1) - 1
    return [*others[:at], rule, *others[at:]]


def without(rules: Sequence[dict[str, Any]], rule_id: str) -> Rules:
    return [rule for rule in rules if rule.get("id") != rule_id]


def new_id(name: str, rules: Sequence[dict[str, Any]]) -> str:
    """An id that says what the rule is called, and that no other rule of the set has."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    stem = _NOT_OF_ID.sub("-", plain).strip("-")[: MOST_OF_ID - 4].strip("-") or "rule"
    taken = {rule.get("id") for rule in rules} | set(NAMES)
    free = (f"{stem}-{number}" for number in range(2, len(taken) + 3))
    return stem if stem not in taken else next(one for one in free if one not in taken)
