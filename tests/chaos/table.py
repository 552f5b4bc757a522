"""The outcome of the runs as one table, for people and as JSON."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from .verdict import Verdict

RESULTS = Path(__file__).parent / "results"
COLUMNS = ("runs", "expected", "done", "unknown", "lost", "doubled", "broken")


@dataclass
class Line:
    """All runs of one fault point and one kind. `expected` counts recipients, reviews or arrivals; `done` those of them
    that were sent, decided, expired or shown; the rest is held, rejected or refused as it should be, or unknown.
    """

    point: str
    kind: str
    runs: int = 0
    expected: int = 0
    done: int = 0
    unknown: int = 0
    lost: int = 0
    doubled: int = 0
    broken: int = 0
    seconds: float = 0

    def add(self, verdict: Verdict, seconds: float) -> None:
        self.runs += 1
        self.expected += verdict.expected
        self.done += verdict.done
        self.unknown += verdict.unknown
        self.lost += len(verdict.lost)
        self.doubled += len(verdict.doubled)
        self.broken += len(verdict.broken)
        self.seconds = round(self.seconds + seconds, 2)


class Table:
    """Collects verdicts. A run that ended without a verdict counts as broken."""

    def __init__(self) -> None:
        self.lines: dict[tuple[str, str], Line] = {}

    def add(self, point: str, kind: str, verdict: Verdict, *, seconds: float) -> None:
        self.lines.setdefault((point, kind), Line(point, kind)).add(verdict, seconds)

    def text(self) -> Iterable[str]:
        yield f"{'fault point':<26} {'kind':<26}" + "".join(f"{name:>9}" for name in COLUMNS)
        for line in [*self.lines.values(), self.total]:
            numbers = "".join(f"{getattr(line, name):>9}" for name in COLUMNS)
            yield f"{line.point:<26} {line.kind:<26}{numbers}"

    @property
    def total(self) -> Line:
        total = Line("all", "")
        for line in self.lines.values():
            for name in (*COLUMNS, "seconds"):
                setattr(total, name, round(getattr(total, name) + getattr(line, name), 2))
        return total

    def write(self, path: Path, *, command: str) -> None:
        path.parent.mkdir(exist_ok=True)
        about = {
            "command": command,
            "at": datetime.now(UTC).isoformat(timespec="seconds"),
            "python": platform.python_version(),
            "processors": os.cpu_count(),
            "is_durable": bool(os.environ.get("DURABLE")),
        }
        lines = [asdict(line) for line in self.lines.values()]
        path.write_text(json.dumps({**about, "total": asdict(self.total), "lines": lines}, indent=1) + "\n")
