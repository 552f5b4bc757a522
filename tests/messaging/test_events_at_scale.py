"""What readers of the log read at the database does not grow with the log: pages of 8 KB counted, not milliseconds."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import connection, transaction

from mailboxes import clock
from messaging.events import cursors, news, reading
from messaging.events.news import Place
from tests import builders
from tests.builders import Tenant
from tests.seams.writing import KIND, fill, first_id

pytestmark = pytest.mark.django_db(transaction=True)

FEW, MANY = 500, 50_000
# A tree is a level or two higher, and rows lie on other pages.
SLACK = 40

# Of all our tables and indexes, by this transaction.
PAGES = """
SELECT coalesce(sum(pg_stat_get_xact_blocks_fetched(oid)), 0) FROM pg_class
WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'i')
"""

Read = Callable[[Tenant], object]


def end_of(tenant: Tenant) -> int:
    return cursors.newest(tenant.account.pk)


def page(tenant: Tenant, after: int, kinds: frozenset[str] | None = None) -> reading.Page:
    return reading.page(tenant.account.pk, after=after, limit=100, kinds=kinds, now=clock.now())


READERS: dict[str, Read] = {
    "the first page": lambda one: page(one, 0),
    "a deep page": lambda one: page(one, end_of(one) * 7 // 10),
    "a page of one kind": lambda one: page(one, end_of(one) // 2, kinds=frozenset({KIND})),
    "the end": lambda one: page(one, end_of(one)),
    "news": lambda one: news.find({one.account.pk: Place(end_of(one) - 20, None)}),
    "no news": lambda one: news.find({one.account.pk: Place(end_of(one), None)}),
    "a place": lambda one: cursors.find(one.account.pk, first_id(one), now=clock.now()),
    "the newest place": lambda one: cursors.text_of(one.account.pk, end_of(one)),
    "the oldest place, all told": lambda one: cursors.oldest(one.account.pk, now=clock.now()),
    "the oldest place, all old": lambda one: cursors.oldest(one.account.pk, now=clock.now() + timedelta(days=90)),
}


def pages_of(read: Read, tenant: Tenant) -> int:
    """As it really runs: by a prepared statement, asked for so often that its plan is the general one."""
    with transaction.atomic():
        for _ in range(8):
            read(tenant)
        before = pages_so_far()
        read(tenant)
        return pages_so_far() - before


def pages_so_far() -> int:
    with connection.cursor() as cursor:
        cursor.execute(PAGES)
        return int(cursor.fetchone()[0])


def test_every_reader_reads_as_much_of_a_long_log_as_of_a_short_one() -> None:
    few, many = builders.tenant(is_verified=False), builders.tenant(is_verified=False)
    fill(few, FEW)
    fill(many, MANY)
    counted = {name: (pages_of(read, few), pages_of(read, many)) for name, read in READERS.items()}
    assert all(both[0] for both in counted.values()), "nothing was measured"
    grown = {name: both for name, both in counted.items() if both[1] > both[0] + SLACK}
    assert not grown, counted


def test_who_asks_in_vain_looks_through_a_window_of_the_log_and_no_further() -> None:
    """A kind that never happens: so many events are looked at, however long the log is; then the reader goes on."""
    many = builders.tenant(is_verified=False)
    fill(many, MANY)
    rare = frozenset({"domain.added"})
    found = page(many, 100, kinds=rare)
    assert (found.told, found.last, found.has_more) == ([], 100 + reading.WINDOW, True)
    whole = pages_of(lambda one: page(one, 0), many)
    in_vain = pages_of(lambda one: page(one, 100, kinds=rare), many)
    assert whole < in_vain < 6 * reading.WINDOW * 400 / 8192
