"""How far a batch is, and what became of each of its items, in words."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import Count, Q

from .models import Batch, BatchItem, BatchKind, ItemOutcome

# Of many that were skipped for one reason the summary tells it; of others each item does.
WHY = {
    "stale_version": "changed meanwhile",
    "changed": "changed meanwhile",
    "not_in_group": "changed meanwhile",
    "already_decided": "decided meanwhile",
    "left_out": "to be read by itself",
    "own_message": "your own",
    "claimed": "somebody else looks at it",
    "expired": "expired meanwhile",
    "gone": "expired meanwhile",
}


@dataclass(frozen=True, slots=True)
class Progress:
    """How many of a batch are decided as asked, skipped, still to do; `why` they were skipped, if alike."""

    kind: str
    done: int
    skipped: int
    to_do: int
    why: str = ""

    @property
    def count(self) -> int:
        return self.done + self.skipped + self.to_do

    @property
    def ended(self) -> int:
        return self.done + self.skipped

    @property
    def summary(self) -> str:
        """What one says of it, like "13 approved, 1 skipped."."""
        return f"{', '.join(self._counted())}."

    @property
    def report(self) -> str:
        """The summary for people, with why the skipped ones were: "13 approved, 1 skipped: changed meanwhile."."""
        return f"{', '.join(self._counted())}{f': {self.why}' if self.why and not self.to_do else ''}."

    def _counted(self) -> list[str]:
        word = "approved" if self.kind == BatchKind.APPROVE else "rejected"
        counted = [(self.done, word), (self.skipped, "skipped"), (self.to_do, "to do")]
        return [f"{number} {words}" for number, words in counted if number or words == word]


def progress(batch: Batch) -> Progress:
    """How far the batch is."""
    is_done, is_open = Q(outcome=ItemOutcome.DONE), Q(outcome="")
    rows = batch.items.values("code").annotate(
        all=Count("pk"), done=Count("pk", filter=is_done), open=Count("pk", filter=is_open)
    )
    told = list(rows.order_by())
    done, to_do = sum(row["done"] for row in told), sum(row["open"] for row in told)
    reasons = {WHY.get(row["code"], "") for row in told if row["all"] > row["done"] + row["open"]}
    why = reasons.pop() if len(reasons) == 1 else ""
    return Progress(batch.kind, done, batch.items_count - done - to_do, to_do, why)


def in_words(item: BatchItem, kind: str) -> str:
    """What became of one item."""
    if item.outcome == ItemOutcome.DONE:
        return "Approved" if kind == BatchKind.APPROVE else "Rejected"
    return f"Skipped: {item.text}" if item.outcome else "Still to do"
