"""Pages of a list by the position of its last row: page 200 costs what page 1 costs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Generic, TypeVar
from uuid import UUID

from django.db.models import Model, Q, QuerySet
from django.http import QueryDict

from mailboxes.ids import parse_id
from oversight.monitoring import MOST_COUNTED
from oversight.pending import LOOKED_THROUGH
from oversight.templatetags.console_tags import tally

PAGE_SIZE = 50
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

M = TypeVar("M", bound=Model)


@dataclass(frozen=True, slots=True)
class Position:
    """The last row of a page: its moment and id; `rows_count` rows stood up to and with it."""

    moment: datetime
    id: UUID
    rows_count: int

    def __str__(self) -> str:
        return f"{self.rows_count}.{(self.moment - EPOCH) // timedelta(microseconds=1)}.{self.id}"


@dataclass(frozen=True, slots=True)
class Pager:
    """Context variable `pager` of _pager.html."""

    text: str
    previous_url: str = ""
    next_url: str = ""


@dataclass(frozen=True, slots=True)
class Slice(Generic[M]):
    """One page of rows, ordered by a moment and the id."""

    rows: list[M]
    after: Position | None
    has_more: bool
    moment: str
    looked_up_to: tuple[datetime, UUID] | None = None

    def pager(self, here: str, query: QueryDict, *, total: int | None = None) -> Pager | None:
        """How to go on from here, or None where all rows fit on one page. `here` is the list's path."""
        if not self.after and not self.has_more:
            return None
        before = self.after.rows_count if self.after else 0
        return Pager(
            text=extent(before, len(self.rows), total=total, is_cut=self.looked_up_to is not None),
            previous_url=url(here, query, after=None) if self.after else "",
            next_url=url(here, query, after=str(self._last(before))) if self.has_more else "",
        )

    def _last(self, before: int) -> Position:
        moment, pk = self.looked_up_to or (getattr(self.rows[-1], self.moment), self.rows[-1].pk)
        return Position(moment, pk, before + len(self.rows))


def cut(rows: QuerySet[M], moment: str, after: str, *, is_descending: bool = False) -> Slice[M]:
    """The page of `rows` behind the position written in `after`; the first page for anything unreadable.

    `rows` must be ordered by `moment` and id, both in the same direction.
    """
    position = read(after)
    if position is not None:
        rows = rows.filter(_behind(position, moment, is_descending=is_descending))
    # The ids first, by a query of their own: with all that a row shows joined to them, PostgreSQL may sooner read every
    # row and sort them all than walk along the index; as a subquery, too, when its statistics are unlucky.
    ids = list(rows.values_list("pk", flat=True)[: PAGE_SIZE + 1])
    found = list(rows.filter(pk__in=ids))
    return Slice(rows=found[:PAGE_SIZE], after=position, has_more=len(found) > PAGE_SIZE, moment=moment)


def search(
    rows: QuerySet[M], looked_through: QuerySet[M], moment: str, after: str, *, is_descending: bool = False
) -> Slice[M]:
    """As `cut`, for rows that no index finds: those among the next LOOKED_THROUGH of `looked_through`.

    That one holds them all, in the same order, and asks for nothing that is not in its index. A page may hold few rows,
    or none, and still have a next one, which looks further.
    """
    position = read(after)
    if position is not None:
        looked_through = looked_through.filter(_behind(position, moment, is_descending=is_descending))
    edge = list(looked_through.values_list(moment, "pk")[LOOKED_THROUGH - 1 : LOOKED_THROUGH + 1])
    if len(edge) < 2:
        return cut(rows, moment, after, is_descending=is_descending)
    (last, last_id), _ = edge
    beyond = _behind(Position(last, last_id, 0), moment, is_descending=is_descending)
    within = Q(**{f"{moment}__{'gte' if is_descending else 'lte'}": last})  # the condition that an index can use
    part = cut(rows.filter(within & ~beyond), moment, after, is_descending=is_descending)
    return part if part.has_more else replace(part, has_more=True, looked_up_to=edge[0])


def extent(
    before: int, rows_count: int, *, total: int | None = None, most: int = MOST_COUNTED, is_cut: bool = False
) -> str:
    """Which rows stand here, of how many; `is_cut`: as far as one page looks."""
    text = f"{before + 1:,}\N{EN DASH}{before + rows_count:,}" if rows_count else ""
    if total is not None:
        text = f"{text} of {tally(total, most)}"
    return ", ".join(filter(None, (text, f"{LOOKED_THROUGH:,} looked through" if is_cut else "")))


def read(text: str) -> Position | None:
    """The position that a URL names, or None."""
    try:
        count, moment, pk = text.split(".")
        found = parse_id(pk)
        return Position(EPOCH + timedelta(microseconds=int(moment)), found, max(int(count), 0)) if found else None
    except (ValueError, OverflowError):
        return None


def url(here: str, query: QueryDict, **changes: Any) -> str:
    """`here` with the query's values, some of them changed; None takes one away."""
    changed = query.copy()
    for name, value in changes.items():
        if value is None:
            changed.pop(name, None)
        else:
            changed[name] = value
    return f"{here}?{changed.urlencode()}" if changed else here


def _behind(position: Position, moment: str, *, is_descending: bool) -> Q:
    # Said twice: the first condition is the one that an index can use.
    way = "lt" if is_descending else "gt"
    edge = Q(**{f"{moment}__{way}e": position.moment})
    return edge & (Q(**{f"{moment}__{way}": position.moment}) | Q(**{f"pk__{way}": position.id}))
