"""Claim and finish with 10^6 finished recipients in the tables, beside none (performance, P15: at least 0.8 of it).

Two databases of one server, the second a copy of the first with a history; both measured in turn, without a network.
The plan of the claim among the history is printed.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
import zeal
from django.conf import settings
from django.db import connection
from django.test import override_settings

from config.owner import as_owner
from mailboxes import clock
from mailboxes.modes import OversightMode
from messaging.outbound import dispatch, outbox, outcomes, turns
from messaging.outbound.outcomes import Outcome, OutcomeKind
from tests import builders
from tests.bench.full_outbox import fill
from tests.bench.side_by_side import Comparison, in_turn
from tests.builders import Tenant

pytestmark = pytest.mark.django_db(transaction=True)

COUNT = int(os.environ.get("COUNT", "1000"))
HISTORY = int(os.environ.get("HISTORY", "1000000"))
REPEATS = int(os.environ.get("REPEATS", "5"))
COPY = "bench_history"
SENT = Outcome(OutcomeKind.SENT, "250", "2.0.0 Ok: queued")

# Ten recipients a message, all sent once. The guards would look at each row: this is a bench, they are off meanwhile.
TABLES = ("messaging_message", "messaging_revision", "messaging_recipient", "messaging_attempt")
GROW = """
INSERT INTO messaging_message
SELECT made.*
FROM (SELECT * FROM messaging_message WHERE direction = 'OUTBOUND' ORDER BY created_at LIMIT 1) AS m,
    generate_series(1, %(history)s / 10) AS n,
    jsonb_populate_record(m::messaging_message, jsonb_build_object(
        'id', gen_random_uuid(), 'message_id', 'history-' || n, 'status', 'sent',
        'quota_taken_at', NULL, 'thread_id', NULL)) AS made;
INSERT INTO messaging_revision (id, message_id, version, raw, seal, made_by, created_at)
SELECT gen_random_uuid(), id, 1, 'x', 'x', 'agent:bench', now()
FROM messaging_message WHERE message_id LIKE 'history-%%';
INSERT INTO messaging_recipient (id, message_id, address, kind, state, attempts_count, code, text)
SELECT gen_random_uuid(), m.id, 'r' || n || '@friends.example', 'to', 'sent', 1, '250', 'Ok'
FROM messaging_message m, generate_series(1, 10) AS n WHERE m.message_id LIKE 'history-%%';
INSERT INTO messaging_attempt (
    id, recipient_id, number, version, phase, worker, started_at, lease_until, data_at, finished_at, outcome, code,
    text)
SELECT gen_random_uuid(), r.id, 1, 1, 'finished', 'bench', now(), now(), now(), now(), 'sent', '250', 'Ok'
FROM messaging_recipient r JOIN messaging_message m ON m.id = r.message_id WHERE m.message_id LIKE 'history-%%';
"""


def rate(owner: Tenant) -> float:
    """Recipients a second, claimed and finished in batches as the dispatcher does."""
    fill(owner, COUNT)
    done, begun = 0, time.monotonic()
    while claimed := outbox.claim_due(limit=dispatch.BATCH, now=clock.now()):
        outcomes.record_all([(attempt, SENT) for attempt in claimed], now=clock.now())
        done += len(claimed)
    seconds = time.monotonic() - begun
    return COUNT / seconds if done == COUNT else 0


@contextmanager
def history() -> Iterator[None]:
    """A copy of the test's database with a million finished recipients; dropped at the end."""
    url = os.environ["DATABASE_ADMIN_URL"].replace("/gatepost?", "/postgres?")
    original = connection.settings_dict["NAME"]
    connection.close()
    with psycopg.connect(url, autocommit=True) as owner:
        owner.execute(f'CREATE DATABASE {COPY} TEMPLATE "{original}"'.encode())
        # Each database has its own: to the file of the other one it would look restored.
        shutil.copy(settings.EPOCH_FILE, epoch_file())
        try:
            with inside(COPY), as_owner(), connection.cursor() as cursor:
                for table in TABLES:
                    cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
                cursor.execute(GROW, {"history": HISTORY})
                for table in TABLES:
                    cursor.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")
                cursor.execute("VACUUM ANALYZE")
            yield
        finally:
            connection.close()
            owner.execute(f"DROP DATABASE {COPY}".encode())


def epoch_file() -> Path:
    return Path(f"{os.environ['EPOCH_FILE']}-{COPY}")


@contextmanager
def inside(database: str) -> Iterator[None]:
    """This thread's connection is to that database."""
    connection.close()
    ours = connection.settings_dict
    connection.settings_dict = ours | {"NAME": database}
    try:
        with override_settings(EPOCH_FILE=epoch_file()):
            yield
    finally:
        connection.close()
        connection.settings_dict = ours


def plan_of_the_claim(owner: Tenant) -> str:
    fill(owner, dispatch.BATCH)
    named: dict[str, Any] = {"now": clock.now(), "limit": dispatch.BATCH, "after": turns.NOBODY, "but": []}
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (ANALYZE, BUFFERS, COSTS OFF) {turns.DUE}", named)
        return "\n".join(row[0] for row in cursor.fetchall())


def test_a_claim_costs_the_same_with_a_million_finished_recipients() -> None:
    with zeal.zeal_ignore():
        alice = builders.tenant(mode=OversightMode.AUTONOMOUS)
        dispatch.drain()
        with history():

            def with_history() -> float:
                with inside(COPY):
                    return rate(alice)

            rate(alice), with_history()  # caches
            ours, reference = in_turn(with_history, lambda: rate(alice), repeats=REPEATS)
            with inside(COPY):
                plan = plan_of_the_claim(alice)
    print(f"\n{plan}")
    assert "recipient_line" in plan
    Comparison("P15", "claim + finish, 10^6 finished", "none finished", "recipients/s", ours, reference, 0.8).keep()
