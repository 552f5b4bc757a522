"""How many there are, up to as many as anybody is told: beyond that PostgreSQL need not read on."""

from __future__ import annotations

from typing import Any

from django.db.models import IntegerField, QuerySet, Subquery

from .monitoring import MOST_COUNTED


class Counted(Subquery):
    """The capped count of a query as a value inside another, so that several numbers cost one statement."""

    template = "(SELECT count(*) FROM (%(subquery)s) AS counted)"
    output_field = IntegerField()

    def __init__(self, found: QuerySet[Any], *, most: int | None = None) -> None:
        super().__init__(_capped(found, most).values("pk"))


def count(found: QuerySet[Any], *, most: int | None = None) -> int:
    """How many rows, at most one more than `most`, else than MOST_COUNTED."""
    return _capped(found, most).count()


def _capped(found: QuerySet[Any], most: int | None) -> QuerySet[Any]:
    return found[
        : (MOST_COUNTED if most is None else most) + 1
    ]  # in its own order: along an index as far as that, and no further
