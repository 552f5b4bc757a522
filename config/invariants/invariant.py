"""What an invariant is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from django.db import connection

Find = Callable[[int], list[str]]


@dataclass(frozen=True, slots=True)
class Invariant:
    """One promise. `find(limit)` answers up to `limit` things that break it, each told by its kind and id.

    `query` is the question in SQL, where SQL alone can ask it.
    """

    id: str
    sentence: str
    find: Find
    query: str = ""


def promise(id: str, sentence: str, query: str) -> Invariant:
    """An invariant in SQL: the query selects one text column and finds nothing while the promise is kept."""

    def find(limit: int) -> list[str]:
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT * FROM ({query}) AS broken LIMIT {limit:d}")  # noqa: S608 - constants of ours
            return [str(told) for (told,) in cursor.fetchall()]

    return Invariant(id, sentence, find, query)
