"""Accepting a send beside a bare DRF view with one insert, on the same kind of server (performance, P8 and P9).

SECONDS=3600 drives the accepting side alone for an hour: every answer must be a 201, and every id must be there once.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from django.db import connection

from config.owner import as_owner
from mailboxes.models import LimitKind
from mailboxes.modes import OversightMode
from messaging.models import Message
from tests import builders
from tests.bench import http_load
from tests.bench.http_load import Load
from tests.bench.side_by_side import Comparison, in_turn
from tests.bench.stack import Stack

pytestmark = pytest.mark.django_db(transaction=True)

CONNECTIONS = 32
ACCOUNTS = 8
SECONDS_EACH = 4.0
TOKEN = "a-token-of-the-reference"
BODY = {"to": ["kim@friends.example"], "subject": "Your order has shipped", "bodyText": "It left today.\n" * 133}
REFERENCES = Path(__file__).parent / "references"
NO_TABLES = "DROP TABLE IF EXISTS bare_message; DROP TABLE IF EXISTS bare_token"


@dataclass
class Side:
    """One server and all that it answered."""

    port: int
    requests: list[bytes]
    runs: list[Load] = field(default_factory=list)

    def run(self, seconds: float = SECONDS_EACH) -> float:
        self.runs.append(http_load.drive(self.port, self.requests, connections=CONNECTIONS, seconds=seconds))
        return self.runs[-1].rate

    @property
    def ids(self) -> list[str]:
        return [one for run in self.runs for one in run.ids]


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    with Stack(tmp_path) as stack:
        yield stack


@pytest.fixture
def ours(stack: Stack) -> Side:
    return Side(stack.web("web", "config.asgi:application"), [_send(number) for number in range(ACCOUNTS)])


@pytest.fixture
def reference(stack: Stack) -> Iterator[Side]:
    tables = (REFERENCES / "bare_view.sql").read_text()
    with as_owner(), connection.cursor() as cursor:
        cursor.execute(NO_TABLES)
        cursor.execute(tables)
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO bare_token VALUES (1, %s, 'x')", [hashlib.sha256(TOKEN.encode()).hexdigest()])
    request = http_load.request("/messages", json.dumps(BODY).encode(), key=TOKEN)
    try:
        yield Side(stack.web("bare", "tests.bench.references.bare_view:application"), [request])
    finally:
        with as_owner(), connection.cursor() as cursor:
            cursor.execute(NO_TABLES)


def test_accepting_beside_a_bare_view(ours: Side, reference: Side) -> None:
    if "SECONDS" in os.environ:
        ours.run(float(os.environ["SECONDS"]))
        _check(ours)
        print(f"\n{ours.runs[0].statuses}, {ours.runs[0].rate:,.0f}/s, p99 {ours.runs[0].p99:,.0f} ms")
        return
    for side in (ours, reference):  # imports, connections, prepared statements: no figure, but no failure either
        side.run(2)
    mine, theirs = in_turn(ours.run, reference.run)
    _check(ours)
    beside = "bare DRF view, token by DB, one insert"
    Comparison("P8", "accept, sends/s at 32 connections", beside, "/s", mine, theirs, wanted=1.5).keep()
    slowest = [[run.p99 for run in side.runs[1:]] for side in (ours, reference)]
    Comparison(
        "P8 p99", "accept, p99 at 32 connections", beside, "ms", slowest[0], slowest[1], wanted=1, is_most=True
    ).keep()


def _send(number: int) -> bytes:
    tenant = builders.tenant(f"agent{number}", mode=OversightMode.AUTONOMOUS)
    for kind in LimitKind:
        builders.limit(tenant.account, kind, 0)
    path = f"/v1/mailboxes/{tenant.mailbox.pk}/messages"
    return http_load.request(path, json.dumps(BODY).encode(), key=tenant.key_text)


def _check(side: Side) -> None:
    """P9: nothing but 201, and what was answered is there, once."""
    assert {status for run in side.runs for status in run.statuses} == {201}, [run.statuses for run in side.runs]
    answered = side.ids
    assert len(set(answered)) == len(answered)
    stored = Message.objects.exclude(account__is_platform=True).values_list("pk", flat=True)
    assert set(answered) <= {str(pk) for pk in stored}
