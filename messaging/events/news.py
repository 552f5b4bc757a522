"""What is new in the logs of many accounts, read at once."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from uuid import UUID

import structlog
from django.db import DatabaseError

from mailboxes import statements

from .entries import COLUMNS, Logged
from .rendering import Told, render

log = structlog.get_logger(__name__)

MOST_AT_ONCE = 500  # events of one account

BEHIND = f"""
SELECT event.account_id, {COLUMNS}, clock_timestamp()
FROM unnest(%(accounts)s::uuid[], %(places)s::bigint[]) AS place (account_id, seq)
CROSS JOIN LATERAL (
    SELECT * FROM mailboxes_event AS later
    WHERE later.account_id = place.account_id AND later.seq > place.seq
    ORDER BY later.seq LIMIT %(most)s
) AS event
ORDER BY event.account_id, event.seq
"""  # noqa: S608 - ours


@dataclass(frozen=True, slots=True)
class Place:
    """Up to where an account's listeners were told, and of which kinds anybody wants to hear (None: of all)."""

    seq: int
    kinds: frozenset[str] | None

    def holds(self, kinds: frozenset[str] | None) -> bool:
        """Whether whoever wants these kinds finds them all in what is read for this place."""
        return self.kinds is None or (kinds is not None and kinds <= self.kinds)


@dataclass(frozen=True, slots=True)
class News:
    """What an account's listeners are told. `last` is the seq up to which the log was looked at.

    Who listens with a key of `revoked` is shut out; with one of `changed`, they come again and are looked at again.
    """

    told: Sequence[Told]
    last: int
    has_more: bool
    revoked: frozenset[UUID]
    changed: frozenset[UUID]
    is_over: bool


def find(places: Mapping[UUID, Place]) -> dict[UUID, News]:
    """For each account with events behind its place what they tell; accounts where nothing happened are left out."""
    named = {"accounts": list(places), "places": [place.seq for place in places.values()], "most": MOST_AT_ONCE}
    rows = statements.run(BEHIND, named)
    if not rows:
        return {}
    found: dict[UUID, News] = {}
    now: datetime = rows[-1][-1]  # the statement's last column
    for account_id, group in groupby(rows, key=lambda row: row[0]):
        row = _without_gap([Logged._make(one[1:-1]) for one in group], account_id, after=places[account_id].seq)
        if row and (news := _find_news(account_id, row, kinds=places[account_id].kinds, now=now)):
            found[account_id] = news
    return found


def _without_gap(events: Sequence[Logged], account_id: UUID, *, after: int) -> list[Logged]:
    """The events that follow one another from the place on. What is not there yet is waited for, never skipped."""
    row = [event for expected, event in enumerate(events, after + 1) if event.seq == expected]
    if len(row) < len(events):
        log.warning("events.gap", account=str(account_id), after=after + len(row))
    return row


def _find_news(
    account_id: UUID, events: Sequence[Logged], *, kinds: frozenset[str] | None, now: datetime
) -> News | None:
    wanted = [event for event in events if kinds is None or event.kind in kinds]
    try:
        told = render(account_id, wanted, now=now)
    except DatabaseError:
        raise
    except Exception as error:  # a fault of ours about one account must not silence all others
        log.error("events.not_rendered", account=str(account_id), after=events[0].seq - 1, exc_info=error)
        return None
    return News(
        told=told,
        last=events[-1].seq,
        has_more=len(events) == MOST_AT_ONCE,
        revoked=frozenset(_keys(events, "key.revoked")),
        changed=frozenset(_keys(events, "key.changed")),
        is_over=any(event.kind == "account.deleted" for event in events),
    )


def _keys(events: Iterable[Logged], kind: str) -> Iterable[UUID]:
    return (UUID(json.loads(event.data)["key_id"]) for event in events if event.kind == kind)
