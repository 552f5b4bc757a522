"""The event log of an account, as the console shows it and gives it away."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from django.http import QueryDict

from mailboxes import events
from mailboxes.ids import parse_id
from mailboxes.models import Account, Event, Member
from messaging.events import catalog
from messaging.events.not_told import NOT_TOLD
from oversight.pending import LOOKED_THROUGH

from . import actors, keyset
from .keyset import PAGE_SIZE, Pager
from .visit import Visit

AT_ONCE = 1_000
FAMILIES = sorted({kind.split(".")[0] for kind in (*catalog.KINDS, *NOT_TOLD)})
COLUMNS = ("seq", "at", "kind", "who", "by", "subject", "mailbox", "data", "hash")
# What a spreadsheet takes for a formula, or for the way into one.
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
THE_SERVER = "The server"


@dataclass(frozen=True, slots=True)
class Row:
    """One event. `who` is whom its data name as the actor; nobody named: the server by itself."""

    event: Event
    by: str
    who: str

    @property
    def url(self) -> str:
        """Where what it happened to is looked at, as far as there is a page."""
        family = self.event.kind.split(".")[0]
        pages = {"review": "/review/", "message": "/messages/"}
        return f"{pages[family]}{self.event.subject}/" if family in pages and parse_id(self.event.subject) else ""


@dataclass(frozen=True, slots=True)
class Page:
    """A page of the log, newest first."""

    rows: list[Row]
    pager: Pager | None


def page_of(visit: Visit, query: QueryDict, *, here: str) -> Page:
    """The page that a URL asks for: events of a family of kinds among the next LOOKED_THROUGH, or all."""
    account, family = visit.member.account, query.get("kind", "")
    top = visit.member.account.event_counter.last_seq
    before = min(_number(query.get("before", "")) or top + 1, top + 1)
    found = Event.objects.filter(account=account, seq__lt=before).order_by("-seq")
    lowest = 0
    if family and family not in FAMILIES:
        found = found.none()
    elif family:
        lowest = max(before - LOOKED_THROUGH, 1)
        found = found.filter(seq__gte=lowest, kind__startswith=f"{family}.")
    listed = list(found[: PAGE_SIZE + 1])
    shown, is_cut = listed[:PAGE_SIZE], len(listed) > PAGE_SIZE
    last = shown[-1].seq if is_cut else lowest
    has_more = is_cut or lowest > 1
    pager = Pager(
        text=f"{shown[-1].seq:,} to {shown[0].seq:,} of {top:,}" if shown else "",
        previous_url=keyset.url(here, query, before=None) if before <= top else "",
        next_url=keyset.url(here, query, before=last) if has_more else "",
    )
    is_all = not pager.previous_url and not pager.next_url
    return Page(told(account, shown), None if is_all else pager)


def told(account: Account, found: Sequence[Event]) -> list[Row]:
    by = [_by(event) for event in found]
    names = actors.names(account, by)
    return [Row(event, one, names.get(one, THE_SERVER)) for event, one in zip(found, by, strict=True)]


def export(member: Member, *, now_event: Event) -> Iterator[bytes]:
    """The whole log up to that event as CSV, oldest first; no cell of it is a formula."""
    yield _lines([COLUMNS])
    last = 0
    while True:
        part = Event.objects.filter(account=member.account, seq__gt=last, seq__lte=now_event.seq).order_by("seq")
        found = list(part[:AT_ONCE])
        if not found:
            return
        last = found[-1].seq
        yield _lines([_cells(row) for row in told(member.account, found)])


def safe(text: str) -> str:
    """The text as a cell that no spreadsheet computes."""
    return f"'{text}" if text.startswith(FORMULA) else text


def _cells(row: Row) -> tuple[str, ...]:
    event = row.event
    at, mailbox = events.moment_text(event.created_at), str(event.mailbox_id or "")
    return (str(event.seq), at, event.kind, row.who, row.by, event.subject, mailbox, event.data, event.hash)


def _lines(rows: Sequence[Sequence[str]]) -> bytes:
    out = io.StringIO()
    csv.writer(out).writerows([safe(cell) for cell in row] for row in rows)
    return out.getvalue().encode()


def _by(event: Event) -> str:
    data = json.loads(event.data)
    by = data.get("by") if isinstance(data, dict) else None
    return by if isinstance(by, str) else ""


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else 0
