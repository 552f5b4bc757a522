"""Eight writers of one account's log: no gap, nothing twice, an unbroken chain (I13)."""

from __future__ import annotations

import pytest
from django.db import connection

from mailboxes import clock, events
from mailboxes.models import Event
from tests import builders
from tests.races.harness import THREADS, family, in_rounds

pytestmark = [pytest.mark.race, pytest.mark.django_db(transaction=True)]


@in_rounds
def test_the_log_has_no_gap_and_its_chain_holds_when_eight_write_at_once(rounds: int) -> None:
    account = builders.tenant().account
    before = Event.objects.filter(account=account).count()
    happenings = [events.Happening("test.happened", "x", {"number": number}) for number in range(3)]

    def write() -> None:
        events.record_all(account, happenings, now=clock.now())

    with family("events: one log", rounds) as people:
        for _ in range(rounds):
            people.race([write] * THREADS)
            people.winners += THREADS
    sequence = list(Event.objects.filter(account=account).order_by("seq").values_list("seq", flat=True))
    assert sequence == list(range(1, before + 3 * THREADS * rounds + 1))
    with connection.cursor() as cursor:
        cursor.execute(events.BROKEN_LINKS)
        assert cursor.fetchall() == []
