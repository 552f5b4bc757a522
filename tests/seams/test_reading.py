"""Reading page by page: however a log is cut into pages, and whoever asks for which part, the pages are that part."""

from __future__ import annotations

import random
from collections.abc import Iterator
from unittest.mock import patch
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mailboxes import clock, events
from mailboxes.events import Happening
from mailboxes.models import Event
from messaging.events import catalog, reading
from tests import builders

pytestmark = pytest.mark.django_db

KINDS = ("key.created", "key.changed", "suppression.added", "mailbox.changed", "domain.added")
UNTOLD = "test.happened"  # not in the catalog: no agent hears of it
EVENTS = 90


class Log:
    """A log of many kinds and mailboxes, and what should be read of it."""

    def __init__(self) -> None:
        tenant, dice, now = builders.tenant(is_verified=False), random.Random(7), clock.now()
        self.account_id: UUID = tenant.account.pk
        self.mailboxes = [tenant.mailbox.pk, *(builders.tenant(is_verified=False).mailbox.pk for _ in range(2))]
        told = [
            Happening(dice.choice((*KINDS, UNTOLD)), "x", {"key_id": "0" * 32}, dice.choice([None, *self.mailboxes]))
            for _ in range(EVENTS)
        ]
        events.record_all(tenant.account, told, now=now)
        self.now = now
        self.rows = list(Event.objects.filter(account=tenant.account).order_by("seq"))

    def wanted(self, after: int, kinds: set[str] | None, mailboxes: set[UUID] | None) -> list[UUID]:
        return [
            row.pk
            for row in self.rows
            if row.seq > after
            and row.kind in catalog.KINDS
            and (kinds is None or row.kind in kinds)
            and (mailboxes is None or row.mailbox_id in mailboxes)
        ]


@pytest.fixture
def log() -> Log:
    made = Log()
    assert {UNTOLD} < {row.kind for row in made.rows}
    assert set(KINDS) <= catalog.KINDS.keys(), set(KINDS) - catalog.KINDS.keys()
    return made


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_the_pages_are_the_log_however_it_is_cut(log: Log, data: st.DataObject) -> None:
    after = data.draw(st.integers(0, len(log.rows) + 3), "after")
    kinds = data.draw(st.none() | st.sets(st.sampled_from(KINDS)), "kinds")
    mailboxes = data.draw(st.none() | st.sets(st.sampled_from(log.mailboxes)), "mailboxes")
    window = data.draw(st.integers(1, EVENTS * 2), "window")
    page_bytes = data.draw(st.sampled_from((1, 300, 2000, 10**6)), "bytes of a page")
    first_slice = data.draw(st.sampled_from((1, 2, 50)), "first slice")
    with patch.multiple(reading, WINDOW=window, PAGE_BYTES=page_bytes, FIRST_SLICE=first_slice):
        pages = list(read_on(log, after, kinds, mailboxes, data))
    assert [one.id for page in pages for one in page.told] == log.wanted(after, kinds, mailboxes)
    assert all(one.seq <= page.last for page in pages for one in page.told)


def read_on(
    log: Log, after: int, kinds: set[str] | None, mailboxes: set[UUID] | None, data: st.DataObject
) -> Iterator[reading.Page]:
    """Page after page to the end; each goes on where the last one ended, and ends further on."""
    while True:
        page = reading.page(
            log.account_id,
            after=after,
            limit=data.draw(st.integers(1, 40), "limit"),
            kinds=kinds,
            mailbox_ids=mailboxes,
            now=log.now,
        )
        assert page.last > after or not page.has_more, "it stands still"
        yield page
        if not page.has_more:
            return
        after = page.last
