"""The log as a list that is read page by page: what is asked, what is found, what is answered.

Apart from any view, so that who waits for something to happen asks and answers the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from mailboxes.api import pagination
from mailboxes.errors import Gone, NotFound, Problem
from mailboxes.principals import Principal

from . import cursors, filters, reading
from .filters import Filter
from .reading import Page

LATEST = "latest"
MOST, DEFAULT = 1000, 100


@dataclass(frozen=True, slots=True)
class Asked:
    """Events of an account behind a place, at most `limit` at once."""

    account_id: UUID
    filter: Filter
    after: int
    limit: int


def ask(principal: Principal, query: Mapping[str, str], *, now: datetime) -> Asked:
    """What a query asks for. Raises Invalid, NotFound (mailbox, cursor), Gone (cursor) or Forbidden."""
    wanted = filters.of(
        principal,
        events=query.get("types", ""),
        field="types",
        mailbox_id=query.get("mailboxId", ""),
        tags=query.get("tags", ""),
    )
    limit = pagination.number(query, "limit", default=DEFAULT, least=1, most=MOST)
    account_id = principal.account.pk
    return Asked(account_id, wanted, _place(account_id, query.get("after", ""), now=now), limit)


def read(asked: Asked, *, now: datetime) -> Page:
    """The next page. It may be empty, or short, with more behind it: nobody looks through a whole long log at once."""
    page = _page(asked, now=now)
    # Nothing of so long a part may be learned of: there is no place in it to go on from.
    while (
        not page.told and page.last < page.last_shown and cursors.shown(asked.account_id, page.last)[0] <= asked.after
    ):
        page = _page(replace(asked, after=page.last), now=now)
    return replace(page, told=[one for one in page.told if asked.filter.takes(one)])


def answer(account_id: UUID, page: Page) -> str:
    """The page as JSON: the envelopes as they are, the cursor to go on from, whether there is more already."""
    events = ",".join(one.body for one in page.told)
    cursor = cursors.text_of(account_id, min(page.last, page.last_shown))
    shown = f'"{cursor}"' if cursor else "null"
    return f'{{"events":[{events}],"cursor":{shown},"hasMore":{"true" if page.last < page.last_shown else "false"}}}'


def _page(asked: Asked, *, now: datetime) -> Page:
    return reading.page(
        asked.account_id,
        after=asked.after,
        limit=asked.limit,
        kinds=asked.filter.kinds,
        mailbox_ids=asked.filter.mailbox_ids,
        now=now,
    )


def lost(account_id: UUID, reason: str, *, now: datetime) -> Problem:
    """What is said of a cursor from which nobody can go on."""
    if reason == cursors.EXPIRED:
        oldest = cursors.text_of(account_id, cursors.oldest(account_id, now=now))
        return Gone(
            "What came after this event is no longer told.",
            code="cursor_expired",
            fix="Go on from oldestCursor: all that is still told comes after it. Read lists for what came before.",
            oldestCursor=oldest or None,
        )
    problem = NotFound("event", code="cursor_unknown")
    problem.fix = "Send the id of an event, or the cursor of an answer; or leave `after` out to read all that is told."
    return problem


def _place(account_id: UUID, text: str, *, now: datetime) -> int:
    if not text:
        return cursors.oldest(account_id, now=now)
    if text == LATEST:
        return cursors.newest(account_id)
    try:
        return cursors.find(account_id, text, now=now)
    except cursors.Lost as gone:
        raise lost(account_id, gone.reason, now=now) from gone
