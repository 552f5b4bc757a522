from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.valkey import running_valkey

from .points import MATRIX
from .processes import Crew, Nursery, nursery
from .table import RESULTS, Table

TABLE = pytest.StashKey[Table]()


@pytest.fixture(scope="session")
def warm(django_db_setup: None) -> Iterator[Nursery]:
    with nursery() as process:
        yield process


@pytest.fixture
def crew(warm: Nursery, tmp_path: Path) -> Iterator[Crew]:
    """The processes of one run; none outlives it."""
    crew = Crew(warm, tmp_path)
    yield crew
    crew.end()


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[str]:
    """A Valkey of its own, and its address as Celery writes it."""
    with running_valkey(tmp_path) as url:
        yield url.replace("unix://", "redis+socket://", 1)


@pytest.fixture(scope="session")
def table(request: pytest.FixtureRequest) -> Table:
    """Where the runs are written down."""
    return request.config.stash.setdefault(TABLE, Table())


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    table = config.stash.get(TABLE, None)
    if table is None:
        return
    terminalreporter.section("crash matrix")
    for line in table.text():
        terminalreporter.write_line(line)
    if table.total.runs > len(MATRIX):  # a part of the matrix is not the result of the matrix
        table.write(RESULTS / "crash.json", command="make chaos")
        terminalreporter.write_line("written to tests/chaos/results/crash.json")
