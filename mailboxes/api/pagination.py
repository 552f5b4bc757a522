"""Which part of a list is asked for: `limit` with a cursor, or with `offset`."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from django.db.models import Q
from rest_framework.request import Request

from mailboxes.errors import Invalid
from mailboxes.ids import parse_id

MAX_LIMIT = 100
DEFAULT_LIMIT = 50
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MAX_OFFSET = 1_000_000
SHAPE = r"^(|[0-9]{16}\.[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})$"  # of a cursor; "" is none


def limit(request: Request, *, default: int = DEFAULT_LIMIT) -> int:
    """`limit` of the query: 1-100, `default` when it is left out."""
    return number(request.query_params, "limit", default=default, least=1, most=MAX_LIMIT)


def offset(request: Request) -> int:
    """`offset` of the query: 0+, 0 when it is left out. Raises Invalid beside `after`: both say where to begin."""
    found = number(request.query_params, "offset", default=0, least=0, most=MAX_OFFSET)
    if found and request.query_params.get("after"):
        raise Invalid(
            "offset and after both say where to begin.", code="invalid_field", fix="Send one of them.", field="offset"
        )
    return found


@dataclass(frozen=True, slots=True)
class Cursor:
    """A place in a list that is ordered by a moment and an id."""

    moment: datetime
    id: UUID

    def text(self) -> str:
        """Microseconds and id. What comes back is checked, not trusted: it only says where to read on."""
        return f"{(self.moment - EPOCH) // timedelta(microseconds=1):016}.{self.id}"

    def behind(self, moment: str, *, is_descending: bool = False) -> Q:
        """What comes after this place in a list ordered by the column `moment` and the id."""
        way = "lt" if is_descending else "gt"
        edge = Q(**{f"{moment}__{way}e": self.moment})  # the condition that an index can use
        return edge & (Q(**{f"{moment}__{way}": self.moment}) | Q(**{f"pk__{way}": self.id}))


def next_cursor(places: Sequence[tuple[datetime, UUID]], limit: int) -> Cursor | None:
    """Where the next page begins: after the last of `limit` rows, if there was one more than that."""
    return Cursor(*places[limit - 1]) if len(places) > limit else None


def asked_cursor(request: Request) -> Cursor | None:
    """`after` of the query, None when it is left out."""
    return cursor(request.query_params.get("after"))


def cursor(text: str | None) -> Cursor | None:
    """The place that `text` names; None for none. Raises Invalid for anything that `Cursor.text` did not make."""
    if not text:
        return None
    if not re.fullmatch(SHAPE, text, re.ASCII):
        raise Invalid(
            "This is no cursor of ours.", code="invalid_cursor", fix="Send the nextCursor of an answer.", field="after"
        )
    moment, _, identity = text.partition(".")
    return Cursor(EPOCH + timedelta(microseconds=int(moment)), UUID(identity))


def number(query: Mapping[str, str], name: str, *, default: int, least: int, most: int) -> int:
    """The whole number of that name in the query; `default` when it is left out. Raises Invalid beyond its bounds."""
    text = query.get(name)
    if text is None:
        return default
    found = int(text) if text.isascii() and text.isdigit() and len(text) < 10 else -1
    if not least <= found <= most:
        raise Invalid(
            f"{name} is not a number from {least} to {most}.",
            code="invalid_field",
            fix=f"Send {name} between {least} and {most}.",
            field=name,
        )
    return found


def moment(request: Request, name: str) -> datetime | None:
    """An ISO-8601 moment of the query, None when it is left out. Raises Invalid for one without a zone."""
    text = request.query_params.get(name)
    if text is None:
        return None
    try:
        found = datetime.fromisoformat(text.replace(" ", "+"))  # an unescaped "+01:00" arrives as a space
        found.utctimetuple()
    except (ValueError, OverflowError):
        found = None
    if found is None or found.tzinfo is None:
        raise Invalid(
            f"{name} is not a moment.", code="invalid_field", fix="Send ISO-8601 like 2026-05-01T00:00:00Z.", field=name
        )
    return found


def choice(request: Request, name: str, choices: list[str]) -> str | None:
    """One of `choices` of the query, None when it is left out."""
    text = request.query_params.get(name)
    if text is None or text in choices:
        return text
    raise Invalid(
        f"{name} is none of {', '.join(choices)}.", code="invalid_field", fix="Send one of these.", field=name
    )


def identity(name: str, text: str) -> UUID:
    """The UUID in `text`. Raises Invalid for anything else: a filter that is no id is a mistake, not an empty list."""
    found = parse_id(text)
    if found is None:
        raise Invalid(f"{name} is not a UUID.", code="invalid_field", fix=f"Send the id of a {name[:-2]}.", field=name)
    return found
