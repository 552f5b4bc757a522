"""What must hold of the data at every moment, each as a question that answers with the ids of whatever breaks it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from django.db import connection, transaction

from . import arriving, counting, deciding, recording, sealing, sending, stopping, telling, tenancy
from .invariant import Invariant

INVARIANTS: tuple[Invariant, ...] = tuple(
    sorted(
        (
            *sending.INVARIANTS,
            *stopping.INVARIANTS,
            *deciding.INVARIANTS,
            *sealing.INVARIANTS,
            *recording.INVARIANTS,
            *telling.INVARIANTS,
            *tenancy.INVARIANTS,
            *arriving.INVARIANTS,
            *counting.INVARIANTS,
        ),
        key=lambda invariant: invariant.id,
    )
)


@dataclass(frozen=True, slots=True)
class Result:
    """What came of one invariant: it holds when nothing was found."""

    invariant: Invariant
    found: list[str]

    @property
    def holds(self) -> bool:
        return not self.found


def check_all(*, limit: int = 5) -> Iterator[Result]:
    """Every invariant in order of its id, with up to `limit` things that break it, on one snapshot of the database."""
    with _one_snapshot():
        for invariant in INVARIANTS:
            yield Result(invariant, invariant.find(limit))


@contextmanager
def _one_snapshot() -> Iterator[None]:
    # A running instance commits between two of our queries; what they compare must be of one moment.
    is_outermost = not connection.in_atomic_block
    with transaction.atomic():
        if is_outermost:
            with connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        yield
