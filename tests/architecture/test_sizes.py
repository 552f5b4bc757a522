"""What one can read at a sitting: small functions, in files named after one idea, that do not go round in circles."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from .calls import APPS, ROOT, Function

LONGEST_FILE = 300
USUAL_FUNCTION = 30


def files() -> Iterator[Path]:
    for app in APPS:
        yield from (path for path in (ROOT / app).rglob("*.py") if "migrations" not in path.parts)


def test_no_file_is_longer_than_three_hundred_lines() -> None:
    lengths = {str(path.relative_to(ROOT)): len(path.read_text().splitlines()) for path in files()}
    assert {path: length for path, length in lengths.items() if length > LONGEST_FILE} == {}


def test_nineteen_of_twenty_functions_have_less_than_thirty_lines() -> None:
    lengths = sorted(
        (node.end_lineno or 0) - node.lineno + 1
        for path in files()
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, Function)
    )
    assert lengths[len(lengths) * 19 // 20] < USUAL_FUNCTION
