"""One figure of ours beside its reference: run in turn, medians, the ratio, kept as JSON."""

from __future__ import annotations

import json
import statistics
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

RESULTS = Path(__file__).parent / "results"
REPEATS = 5


@dataclass(frozen=True)
class Comparison:
    """`ours` and `reference` are one value per repeat, in `unit`; the target is a ratio of medians.

    A run in which mail was lost or doubled counts as 0: let it return 0.
    """

    target: str
    what: str
    beside: str
    unit: str
    ours: Sequence[float]
    reference: Sequence[float]
    wanted: float
    is_most: bool = False

    @property
    def ratio(self) -> float:
        return statistics.median(self.ours) / statistics.median(self.reference)

    @property
    def is_met(self) -> bool:
        return self.ratio <= self.wanted if self.is_most else self.ratio >= self.wanted

    def row(self) -> str:
        """A row of the README's table: target, what, ours, beside what, its value, ratio, wanted, met."""
        sign = "≤" if self.is_most else "≥"
        ours, reference = _told(self.ours), _told(self.reference)
        verdict = "yes" if self.is_met else "**no**"
        return (
            f"| {self.target} | {self.what} | {ours} {self.unit} | {self.beside} | {reference} {self.unit} "
            f"| **{self.ratio:.2f}** | {sign} {self.wanted} | {verdict} |"
        )

    def keep(self) -> Comparison:
        """Print the row and write `results/<target>.json`."""
        RESULTS.mkdir(exist_ok=True)
        name = self.target.lower().replace(" ", "-")
        content = asdict(self) | {"ratio": round(self.ratio, 3), "is_met": self.is_met}
        (RESULTS / f"{name}.json").write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n")
        print(f"\n{self.row()}")
        return self


def in_turn(*runs: Callable[[], float], repeats: int = REPEATS) -> list[list[float]]:
    """The values of each run, taken one after the other, `repeats` times over: what disturbs one disturbs all."""
    values: list[list[float]] = [[] for _ in runs]
    for _ in range(repeats):
        for run, kept in zip(runs, values, strict=True):
            kept.append(run())
    return values


def _told(values: Sequence[float]) -> str:
    """The median, and half the range over it in percent."""
    median = statistics.median(values)
    spread = (max(values) - min(values)) / 2 / median * 100 if median else 0
    digits = 0 if median >= 100 else 3 if median < 10 else 1
    return f"{median:,.{digits}f} ±{spread:.0f} %"
