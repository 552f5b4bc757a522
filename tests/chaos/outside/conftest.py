"""One instance for all faults that it outlives, and a place where what was measured is kept."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.chaos.outside.relay import Relay, open_relay
from tests.chaos.outside.stack import Stack

RESULTS = Path(__file__).resolve().parents[1] / "results" / "outside.json"
Note = Callable[..., None]


@pytest.fixture(scope="package")
def relay() -> Iterator[Relay]:
    with open_relay() as relay:
        yield relay


@pytest.fixture(scope="package")
def stack(relay: Relay) -> Iterator[Stack]:
    """Started once for all; every test leaves it well."""
    folder = Path(tempfile.mkdtemp(prefix="gatepost-outside-"))
    folder.chmod(0o711)
    stack = Stack(folder, relay)
    try:
        yield stack.wait()
    finally:
        stack.stop()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def note(request: pytest.FixtureRequest) -> Note:
    """Keeps figures of this run under the test's name."""

    def keep(**figures: Any) -> None:
        rounded = {name: round(value, 2) if isinstance(value, float) else value for name, value in figures.items()}
        print(f"\n{request.node.name}: {rounded}")
        RESULTS.parent.mkdir(exist_ok=True)
        kept = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
        kept[request.node.name] = rounded | {"at": datetime.now(UTC).isoformat(timespec="seconds")}
        RESULTS.write_text(json.dumps(kept, indent=1, sort_keys=True) + "\n")

    return keep
