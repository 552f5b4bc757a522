"""The catalog of kinds holds what the code records: nothing is told that is not in it, nothing in it is made up."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache

from messaging import lifecycle
from messaging.events import catalog
from messaging.events.not_told import NOT_TOLD
from messaging.events.payloads import OF_ONE_RECIPIENT, TIMED
from messaging.models import Status
from oversight.models import ReviewState
from tests.architecture.calls import APPS, ROOT

SUBJECTS = sorted({name.partition(".")[0] for name in [*catalog.KINDS, *NOT_TOLD]})
KIND = re.compile(rf"({'|'.join(SUBJECTS)})\.[a-z_]+")
BEGINNING = re.compile(rf"({'|'.join(SUBJECTS)})\.")
# The functions that record, and the variables that kinds go through.
RECORDING = re.compile(r"_?(record|happening|told)|Happening")
NAMES = {"kind", "EVENTS", "PINGED"}
# Kinds whose end is the word of a state.
OPEN = {
    "message.": {str(state) for state in Status} - {str(state) for state in lifecycle.SILENT} - {"scheduled"},
    "review.": {str(state) for state in ReviewState} - {"open"} | {"undone", "edited"},
    "billing.checkout_": set[str](),
    "permit.": {"granted", "used", "refused"},
}


# Recorded by who tells to webhooks, in a later commit.


def test_whatever_is_recorded_is_catalogued_or_left_out_for_a_reason() -> None:
    known = {*catalog.KINDS, *NOT_TOLD}
    groups = tuple(name for name in NOT_TOLD if name.endswith("."))
    assert [kind for kind in recorded() if kind not in known and not kind.startswith(groups)] == []


def test_whatever_is_catalogued_is_recorded_or_said_to_be_reserved() -> None:
    assert {name for name, kind in catalog.KINDS.items() if not kind.is_reserved} - recorded() == set()
    assert {name for name, kind in catalog.KINDS.items() if kind.is_reserved} & recorded() == set()


def test_no_kind_is_both_told_and_not() -> None:
    assert not any(name.startswith(tuple(NOT_TOLD)) for name in catalog.KINDS)


def test_the_contracts_five_come_first() -> None:
    assert tuple(catalog.KINDS)[:5] == catalog.CONTRACT


def test_what_is_rendered_in_a_way_of_its_own_is_catalogued() -> None:
    assert {*TIMED, *OF_ONE_RECIPIENT, *catalog.OF_RECEIVED_MAIL} <= catalog.KINDS.keys()


@cache
def recorded() -> frozenset[str]:
    """Every kind that stands in the source where something is recorded."""
    found = set[str]()
    for app in APPS:
        for path in sorted((ROOT / app).rglob("*.py")):
            if not {"migrations", "console"} & set(path.parts):  # the console reads, and may know kinds of old
                found |= set(_kinds(ast.parse(path.read_text())))
    return frozenset(found)


def _kinds(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        is_call = isinstance(node, ast.Call) and RECORDING.fullmatch(_name(node.func))
        if is_call or (isinstance(node, ast.Assign) and NAMES & {_name(one) for one in node.targets}):
            for part in ast.walk(node):
                yield from _kind_of(part)


def _kind_of(part: ast.AST) -> Iterator[str]:
    if isinstance(part, ast.Constant) and isinstance(part.value, str) and KIND.fullmatch(part.value):
        yield part.value
    if isinstance(part, ast.JoinedStr) and isinstance(part.values[0], ast.Constant):
        beginning = str(part.values[0].value)
        if BEGINNING.match(beginning):
            yield from (beginning + end for end in OPEN[beginning])


def _name(node: ast.AST) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""
