"""Every attack that oversight answers for has a test that says so: its row stands in the docstring of one."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
ROW = re.compile(r"\bA\d\d\b")
SPAN = re.compile(r"\bA(\d\d)-A(\d\d)\b")
# A10-A24: of agents and of what injects them. A53-A64: of tenants, reviewers, thieves of keys, insiders.
ROWS = [f"A{number}" for number in (*range(10, 25), *range(53, 65))]


def rows_of(text: str) -> set[str]:
    spans = {f"A{number}" for first, last in SPAN.findall(text) for number in range(int(first), int(last) + 1)}
    return set(ROW.findall(text)) | spans


def claims(source: str) -> Iterator[str]:
    """The rows that a file of tests claims: in the docstring of a test, of its class, or of the file that holds it."""
    tree = ast.parse(source)
    holders: list[ast.Module | ast.ClassDef] = [tree]
    holders += [node for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    tests = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_")
    ]
    if tests:
        for node in (*holders, *tests):
            yield from rows_of(ast.get_docstring(node) or "")


@cache
def claimed() -> dict[str, list[str]]:
    """By row, the files that claim it."""
    found: dict[str, list[str]] = {}
    for path in sorted(TESTS.rglob("test_*.py")):
        source = path.read_text()
        if path != Path(__file__) and ROW.search(source):
            for row in set(claims(source)):
                found.setdefault(row, []).append(str(path.relative_to(TESTS)))
    return found


@pytest.mark.parametrize("row", ROWS)
def test_an_attack_has_a_test_that_names_it(row: str) -> None:
    assert claimed().get(row), f"no test's docstring names {row}"


def test_a_row_counts_where_a_test_says_it_and_nowhere_else() -> None:
    said = '"""A10: a file."""\ndef test_one() -> None:\n    """A11-A13, and so on."""\n    x = "A14"\n'
    assert set(claims(said)) == {"A10", "A11", "A12", "A13"}
    assert set(claims('"""A10."""\nA11 = "A12"\n')) == set()
