"""How many there are, as far as an operator asks: a check must not read a table of millions to say "many"."""

from __future__ import annotations

from django.db.models import Model, QuerySet

MOST_COUNTED = 1000


def told_count(found: QuerySet[Model]) -> str:
    """The number of rows, or that there are more than anybody counts."""
    count = found[: MOST_COUNTED + 1].count()
    return str(count) if count <= MOST_COUNTED else f"more than {MOST_COUNTED:,}"
