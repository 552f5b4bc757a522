"""Writers that keep a log growing while it is read, and what they have written."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from uuid import UUID

from django.db import connection, connections

from config.owner import as_owner
from mailboxes import clock, events
from mailboxes.events import Happening
from mailboxes.models import Event, EventCounter
from tests.builders import Tenant

KIND = "key.created"  # of those that agents are told one that needs no other row
COPIES = """
INSERT INTO mailboxes_event (id, account_id, seq, kind, subject, mailbox_id, data, created_at, hash)
SELECT gen_random_uuid(), account_id, base.seq + i, kind, subject, mailbox_id, data, created_at, hash
FROM mailboxes_event AS base, generate_series(1, %(count)s) AS i
WHERE base.account_id = %(account)s AND base.seq = %(seq)s
"""
DATA = {"key_id": "0" * 32, "prefix": "gp_live_", "scopes": ["read"]}


def write(tenant: Tenant, count: int = 1) -> None:
    """So many events in one transaction."""
    told = [Happening(KIND, str(tenant.agent.pk), DATA) for _ in range(count)]
    events.record_all(tenant.account, told, now=clock.now())


@contextmanager
def writers(tenants: Sequence[Tenant], *, count: int = 4, pause: float = 0.02) -> Iterator[None]:
    """Until the block ends, `count` threads write one to five events of any of the tenants, and pause about so long."""
    is_over = threading.Event()

    def keep_writing(number: int) -> None:
        dice = random.Random(number)
        try:
            while not is_over.is_set():
                write(dice.choice(tenants), dice.randint(1, 5))
                time.sleep(dice.uniform(0, 2 * pause))
        finally:
            connections.close_all()

    with ThreadPoolExecutor(count) as pool:
        working = [pool.submit(keep_writing, number) for number in range(count)]
        try:
            yield
        finally:
            is_over.set()
    for one in working:
        one.result()


def fill(tenant: Tenant, count: int) -> None:
    """So many events at once, without their hashes; then the table is as autovacuum leaves it in its time."""
    write(tenant)
    counter = EventCounter.objects.get(account=tenant.account)
    with as_owner(), connection.cursor() as cursor:
        cursor.execute(COPIES, {"count": count, "account": tenant.account.pk, "seq": counter.last_seq})
        cursor.execute("VACUUM ANALYZE mailboxes_event")
    EventCounter.objects.filter(pk=counter.pk).update(last_seq=counter.last_seq + count)


def log_of(tenant: Tenant) -> list[str]:
    """The ids of all that was written of the tenant by `write`, and by its own sign-up, in order."""
    rows = Event.objects.filter(account=tenant.account, kind=KIND).order_by("seq")
    return [str(pk) for pk in rows.values_list("pk", flat=True)]


def first_id(tenant: Tenant) -> str:
    """The id of the first event of the log: the place behind which a reader begins."""
    first: UUID = Event.objects.get(account=tenant.account, seq=1).pk
    return str(first)
