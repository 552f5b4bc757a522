"""Every list at 10^6 rows beside 10^3: two accounts of one database, asked in turn (performance, P13: at most 1.1)."""

from __future__ import annotations

import json
import os
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeVar
from unittest.mock import patch

import pytest
from django.db import connection
from django.test import Client
from pytest_django import Settings

from mailboxes import events, statements
from mailboxes.api import pagination
from mailboxes.models import Event, EventCounter
from messaging.models import Message, Thread
from oversight.console import keyset
from oversight.models import Review
from tests import builders
from tests.api_client import Api
from tests.bench.crowd import Crowd, gather
from tests.bench.side_by_side import RESULTS, Comparison, in_turn
from tests.oversight.console import seat

pytestmark = pytest.mark.django_db(transaction=True)

FEW, MANY = 1_000, int(os.environ.get("ROWS", 1_000_000))
CALLS = int(os.environ.get("CALLS", 14))
ONLY_LIST = os.environ.get("LIST", "")  # a part of a list's name: only that one, with every statement
# Not a page that anybody reads on to: rows that were never read are skipped one by one. Shown, and not wanted flat.
Asker = TypeVar("Asker")
LEAP = "API messages, a leap to half"


@dataclass(frozen=True)
class Statement:
    """One statement of a call."""

    sql: str
    params: Any

    def pages(self) -> int:
        """How many pages of 8 KB PostgreSQL reads for it: what grows with the rows, whatever else the machine does."""
        if not self.sql.startswith(("SELECT", "(SELECT", "WITH")) or "INSERT" in self.sql or "UPDATE" in self.sql:
            return 0
        [[plan]] = self._explained("FORMAT JSON")
        return int(plan[0]["Plan"]["Shared Hit Blocks"] + plan[0]["Plan"]["Shared Read Blocks"])

    def plan(self) -> str:
        return "\n".join(line for (line,) in self._explained("COSTS OFF"))

    def _explained(self, how: str) -> list[tuple[Any, ...]]:
        with connection.cursor() as cursor:
            cursor.execute(f"EXPLAIN (ANALYZE, BUFFERS, {how}) {self.sql}", self.params)
            rows: list[tuple[Any, ...]] = cursor.fetchall()
            return rows


class Reader:
    """An account and all that look into it: the agent, a reviewer's key, its owner at the console."""

    def __init__(self, crowd: Crowd) -> None:
        self.crowd = crowd
        self.account = crowd.tenant.account
        self.agent = Api(crowd.tenant.key_text)
        self.rhea = Api(builders.decide_key(builders.member(self.account)))
        self.owner: Client = seat(crowd.tenant.owner)
        self.box, self.quiet = f"/mailboxes/{crowd.tenant.mailbox.pk}", f"/mailboxes/{crowd.quiet.pk}"

    def api(self, path: str, **query: Any) -> None:
        answer = self.agent.get(path, **query)
        assert answer.status == 200, (path, answer.json)

    def log(self, least: int = 40, **query: Any) -> None:
        answer = self.agent.get("/events/log", limit=50, **query)
        assert len(answer.json["events"]) >= least, answer.json

    def pending(self, count: int = 50, **query: Any) -> None:
        answer = self.rhea.get("/oversight/pending", **query)
        assert len(answer.json["reviews"]) == count

    def page(self, path: str) -> None:
        answer = self.owner.get(path)
        assert answer.status_code == 200, path

    def events_after(self, cursor: int) -> None:
        assert events.after(self.account, cursor, limit=50)

    @cached_property
    def review(self) -> Review:
        """The open review behind seven tenths of the others."""
        mine = Review.objects.filter(account=self.account, state="open").order_by("expires_at", "id")
        return mine[mine.count() * 7 // 10]

    @cached_property
    def message(self) -> Message:
        """The sent message behind seven tenths of the others."""
        mine = Message.objects.filter(account=self.account, status="sent").order_by("-created_at", "-id")
        return mine[mine.count() * 7 // 10]

    @cached_property
    def thread(self) -> Thread:
        """The conversation behind seven tenths of the others."""
        mine = Thread.objects.filter(account=self.account).order_by("-last_message_at", "-id")
        return mine[mine.count() * 7 // 10]

    @cached_property
    def walked(self) -> int:
        """An offset at half of the messages, whose page before has been read."""
        half = self.crowd.rows // 2
        self.api(f"{self.box}/messages", offset=half - 50)
        return half

    @cached_property
    def place(self) -> str:
        """The id of the event behind seven tenths of the others."""
        return str(Event.objects.get(account=self.account, seq=self.head * 7 // 10).pk)

    @cached_property
    def head(self) -> int:
        return EventCounter.objects.get(account=self.account).last_seq


def after(row: Any, moment: str) -> str:
    """The place of a row as the console's lists write it."""
    return f"?after={keyset.Position(getattr(row, moment), row.pk, 50)}"


def cursor(row: Any, moment: str) -> str:
    """The place of a row as `/v1` writes it."""
    return pagination.Cursor(getattr(row, moment), row.pk).text()


LISTS: dict[str, Callable[[Reader], None]] = {
    "API messages": lambda one: one.api(f"{one.box}/messages"),
    "API messages, deep": lambda one: one.api(f"{one.box}/messages", after=cursor(one.message, "created_at")),
    "API messages, by offset to half": lambda one: one.api(f"{one.box}/messages", offset=one.walked),
    LEAP: lambda one: one.api(f"{one.box}/messages", offset=one.crowd.rows // 2 + 7),
    "API messages received": lambda one: one.api(f"{one.box}/messages", direction="INBOUND"),
    "API messages of a thread": lambda one: one.api(f"{one.box}/messages", threadId=one.crowd.long.pk),
    "API messages received, a quiet mailbox": lambda one: one.api(f"{one.quiet}/messages", direction="INBOUND"),
    "API threads": lambda one: one.api(f"{one.box}/threads"),
    "API thread": lambda one: one.api(f"{one.box}/threads/{one.thread.pk}"),
    "API thread, very long": lambda one: one.api(f"{one.box}/threads/{one.crowd.long.pk}"),
    "API mailboxes": lambda one: one.api("/mailboxes"),
    "API account": lambda one: one.api("/account"),
    "API keys": lambda one: one.api("/api-keys"),
    "API pending": lambda one: one.pending(),
    "API pending, deep": lambda one: one.pending(after=cursor(one.review, "expires_at")),
    "API pending of a mailbox": lambda one: one.pending(mailboxId=one.crowd.tenant.mailbox.pk),
    "API pending of a quiet mailbox": lambda one: one.pending(1, mailboxId=one.crowd.quiet.pk),
    "API event log": lambda one: one.log(types="*"),
    "API event log, deep": lambda one: one.log(types="*", after=one.place),
    "API event log of a mailbox, deep": lambda one: one.log(mailboxId=one.crowd.tenant.mailbox.pk, after=one.place),
    "API event log, its end": lambda one: one.log(0, after="latest"),
    "events": lambda one: one.events_after(0),
    "events, deep": lambda one: one.events_after(one.head - 60),
    "console queue": lambda one: one.page("/review/"),
    "console queue, deep": lambda one: one.page(f"/review/{after(one.review, 'expires_at')}"),
    "console queue of a mailbox": lambda one: one.page(f"/review/?mailbox={one.crowd.tenant.mailbox.pk}"),
    "console queue of a quiet mailbox": lambda one: one.page(f"/review/?mailbox={one.crowd.quiet.pk}"),
    "console queue, searched in vain": lambda one: one.page("/review/?q=nobody-at-all"),
    "console queue, expiring": lambda one: one.page("/review/?expires=hour"),
    "console review": lambda one: one.page(f"/review/{one.crowd.held.pk}/"),
    "console monitor": lambda one: one.page("/monitor/"),
    "console monitor, deep": lambda one: one.page(f"/monitor/{after(one.message, 'created_at')}"),
    "console monitor, approved": lambda one: one.page("/monitor/?way=approved"),
    "console monitor, autonomous": lambda one: one.page("/monitor/?way=autonomous"),
    "console threads": lambda one: one.page("/mailboxes/"),
    "console threads, deep": lambda one: one.page(f"/mailboxes/{after(one.thread, 'last_message_at')}"),
    "console threads, searched in vain": lambda one: one.page("/mailboxes/?q=nobody-at-all"),
    "console threads of a quiet mailbox": lambda one: one.page(f"/mailboxes/{one.crowd.quiet.pk}/"),
    "console threads of a mailbox": lambda one: one.page(f"/mailboxes/{one.crowd.tenant.mailbox.pk}/"),
    "console thread": lambda one: one.page(f"/threads/{one.thread.pk}/"),
    "console thread, very long": lambda one: one.page(f"/threads/{one.crowd.long.pk}/"),
    "console message": lambda one: one.page(f"/messages/{one.crowd.sent.message_id}/"),
    "console decide keys": lambda one: one.page("/keys/"),
    "console live": lambda one: one.page(f"/live/since/?account={one.account.pk}&cursor={one.head}"),
}


def statements_of(ask: Callable[[Asker], object], reader: Asker) -> list[Statement]:
    """What one call asks the database."""
    asked: list[Statement] = []

    def watch(execute: Any, sql: str, params: Any, many: bool, context: Mapping[str, Any]) -> Any:
        asked.append(Statement(sql, params))
        return execute(sql, params, many, context)

    def watch_prepared(sql: str, params: Mapping[str, object]) -> list[tuple[Any, ...]]:
        asked.append(Statement(sql.strip(), params))
        return run(sql, params)

    ask(reader)  # what is asked once only, the deep places, is known from now on
    run = statements.run
    with connection.execute_wrapper(watch), patch.object(statements, "run", watch_prepared):
        ask(reader)
    return asked


def compared(name: str, ask: Callable[[Reader], None], few: Reader, many: Reader) -> Comparison:
    """Whole answers, both accounts asked in turn."""

    def run(reader: Reader) -> float:
        begun = time.perf_counter()
        ask(reader)
        return (time.perf_counter() - begun) * 1000

    ours, reference = in_turn(lambda: run(many), lambda: run(few), repeats=CALLS)
    return Comparison("P13", name, f"{FEW:,} rows", "ms", ours, reference, wanted=1.1, is_most=True)


@dataclass(frozen=True)
class Measured:
    """One list: whole answers beside each other, the statements at many rows, and the pages that both read."""

    comparison: Comparison
    statements: list[Statement]
    pages: tuple[int, int]

    def row(self) -> str:
        """A row of the README's table of lists."""
        one, (few, many) = self.comparison, self.pages
        in_ms = f"{statistics.median(one.ours):.1f} | {statistics.median(one.reference):.1f}"
        return f"| {one.what} | {in_ms} | **{one.ratio:.2f}** | {len(self.statements)} | {few:,} | {many:,} |"


def measured(name: str, ask: Callable[[Reader], None], few: Reader, many: Reader) -> Measured:
    in_few, in_many = statements_of(ask, few), statements_of(ask, many)
    assert len(in_few) == len(in_many), f"{name}: another number of statements"
    pages = (sum(one.pages() for one in in_few), sum(one.pages() for one in in_many))
    return Measured(compared(name, ask, few, many), in_many, pages)


def keep(found: Sequence[Measured]) -> None:
    """Every list in one file, beside the target's own, which holds the worst of them."""
    told = [
        {"list": one.comparison.what, "ratio": round(one.comparison.ratio, 3), "statements": len(one.statements)}
        | {"pages_few": one.pages[0], "pages_many": one.pages[1]}
        | {"ms_many": _rounded(one.comparison.ours), "ms_few": _rounded(one.comparison.reference)}
        for one in found
    ]
    (RESULTS / "p13-lists.json").write_text("[\n" + ",\n".join(map(json.dumps, told)) + "\n]\n")


def _rounded(values: Sequence[float]) -> list[float]:
    return [round(value, 2) for value in values]


def test_a_page_of_many_rows_costs_what_a_page_of_few_costs(settings: Settings) -> None:
    settings.MIDDLEWARE = [name for name in settings.MIDDLEWARE if "zeal" not in name]
    begun = time.perf_counter()
    few, many = map(Reader, gather(few=FEW, many=MANY))
    print(f"\nrows made in {time.perf_counter() - begun:.0f} s; the median of {CALLS} calls of each, in turn")
    print(f"| list | ms, {MANY:,} rows | ms, {FEW:,} rows | ratio | statements | pages, {FEW:,} | pages, {MANY:,} |")
    print("|---|---|---|---|---|---|---|")
    found = []
    for name, ask in LISTS.items():
        if ONLY_LIST in name:
            found.append(measured(name, ask, few, many))
            print(found[-1].row(), flush=True)
            if ONLY_LIST:
                print("\n".join(f"{one.pages():9,} {one.sql}" for one in found[-1].statements))
    if ONLY_LIST:
        return
    flat = [one for one in found if one.comparison.what != LEAP]
    print(f"\nThe median ratio is {statistics.median(one.comparison.ratio for one in flat):.2f}; the worst list:")
    worst = max(flat, key=lambda one: one.comparison.ratio)
    worst.comparison.keep()
    keep(found)
    slowest = max(worst.statements, key=Statement.pages)
    print(f"Its greediest statement:\n{slowest.sql[:1500]}\n{slowest.plan()}")
