"""Which part of a list is asked for: `limit` and `offset`, or a cursor."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from rest_framework.request import Request

from mailboxes.errors import Invalid
from mailboxes.ids import parse_id

MAX_LIMIT = 100
DEFAULT_LIMIT = 50
MAX_OFFSET = 1_000_000


@dataclass(frozen=True, slots=True)
class Page:
    """The rows from `offset` on, at most `limit`."""

    limit: int
    offset: int

    @property
    def rows(self) -> slice:
        return slice(self.offset, self.offset + self.limit)


def page(request: Request) -> Page:
    """`limit` 1-100 (50) and `offset` 0+ (0) of the query. Raises Invalid outside of that: nothing is clamped."""
    return Page(limit(request), _number(request, "offset", default=0, least=0, most=MAX_OFFSET))


def limit(request: Request) -> int:
    """`limit` of the query: 1-100, 50 when it is left out."""
    return _number(request, "limit", default=DEFAULT_LIMIT, least=1, most=MAX_LIMIT)


@dataclass(frozen=True, slots=True)
class Cursor:
    """A place in a list that is ordered by a moment and an id."""

    moment: datetime
    id: UUID

    def text(self) -> str:
        """Opaque to callers; what comes back is checked, not trusted: it only says where to read on."""
        plain = f"{self.moment.isoformat()} {self.id}"
        return base64.urlsafe_b64encode(plain.encode()).decode().rstrip("=")


def cursor(text: str | None) -> Cursor | None:
    """The place that `text` names; None for none. Raises Invalid for anything that `Cursor.text` did not make."""
    if not text:
        return None
    try:
        plain = base64.urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4)).decode("ascii")
        moment, _, identity = plain.partition(" ")
        found = Cursor(datetime.fromisoformat(moment), UUID(identity))
    except (ValueError, binascii.Error) as error:
        raise _bad_cursor() from error
    if found.moment.tzinfo is None or found.text() != text:
        raise _bad_cursor()
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


def _number(request: Request, name: str, *, default: int, least: int, most: int) -> int:
    text = request.query_params.get(name)
    if text is None:
        return default
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 10 else -1
    if not least <= number <= most:
        raise Invalid(
            f"{name} is not a number from {least} to {most}.",
            code="invalid_field",
            fix=f"Send {name} between {least} and {most}.",
            field=name,
        )
    return number


def _bad_cursor() -> Invalid:
    return Invalid(
        "This is no cursor of ours.", code="invalid_cursor", fix="Send the nextCursor of an answer.", field="after"
    )
