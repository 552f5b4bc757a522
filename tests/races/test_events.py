"""Many writers of one account's log, and of many: no gap, nothing twice, an unbroken chain, at any moment (I13)."""

from __future__ import annotations

import random
import time
from collections import Counter
from functools import partial
from uuid import UUID

import pytest
from django.db import connection, transaction

from mailboxes import clock, events
from mailboxes.models import Event
from tests import builders
from tests.races.harness import THREADS, family, in_rounds

pytestmark = [pytest.mark.race, pytest.mark.django_db(transaction=True)]

ACCOUNTS, WRITERS = 64, 32
LOOKS = 5
# Of each log in one snapshot: how many events are seen, their first and last number, and what the counter says.
SEEN = """
SELECT c.account_id, count(e.seq), coalesce(min(e.seq), 1), coalesce(max(e.seq), 0), c.last_seq
FROM mailboxes_eventcounter c LEFT JOIN mailboxes_event e ON e.account_id = c.account_id
WHERE c.account_id = ANY(%s) GROUP BY c.account_id, c.last_seq
HAVING count(e.seq) <> c.last_seq OR max(e.seq) IS DISTINCT FROM c.last_seq OR min(e.seq) <> 1
"""


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
    assert broken_links() == []


@in_rounds
def test_each_log_is_seen_without_gaps_at_every_moment_when_many_write_to_many(rounds: int) -> None:
    """What is seen of a log is its beginning, whole: so whoever reads on from the last number misses nothing.

    A commit out of the order of the numbers would be a gap in some snapshot; a rollback that leaves one, in all later.
    """
    accounts = [builders.tenant(is_verified=False).account.pk for _ in range(ACCOUNTS)]
    expected = Counter(Event.objects.filter(account__in=accounts).values_list("account_id", flat=True))
    with family("events: 64 logs", rounds, WRITERS + 1) as people:
        for number in range(rounds):
            writers = [partial(write_to_some, accounts, random.Random(f"{number} {nth}")) for nth in range(WRITERS)]
            *written, gaps = people.race([*writers, partial(gaps_seen, accounts)])
            assert gaps == []
            for counted in written:
                assert isinstance(counted, Counter)
                expected += counted
            people.winners += WRITERS
    logged: Counter[UUID] = Counter(Event.objects.filter(account__in=accounts).values_list("account_id", flat=True))
    assert logged == expected
    assert gaps_seen(accounts) == []
    assert broken_links() == []


def write_to_some(accounts: list[UUID], dice: random.Random) -> Counter[UUID]:
    """One transaction of one to three accounts' events, now and then slow, one in six rolled back; what it left."""
    some = {one: dice.randint(1, 4) for one in sorted(dice.sample(accounts, dice.randint(1, 3)))}
    is_taken_back = dice.random() < 1 / 6
    with transaction.atomic():
        for account, amount in some.items():
            told = [events.Happening("test.happened", "x", {"number": number}) for number in range(amount)]
            events.record_all(account, told, now=clock.now())
            time.sleep(dice.choice((0, 0, 0.002)))
        transaction.set_rollback(is_taken_back)
    return Counter() if is_taken_back else Counter(some)


def gaps_seen(accounts: list[UUID]) -> list[object]:
    """Logs that were not whole in one of several snapshots, taken while others write."""
    found: list[object] = []
    with connection.cursor() as cursor:
        for _ in range(LOOKS):
            cursor.execute(SEEN, [accounts])
            found += cursor.fetchall()
            time.sleep(0.003)
    return found


def broken_links() -> list[object]:
    with connection.cursor() as cursor:
        cursor.execute(events.BROKEN_LINKS)
        return list(cursor.fetchall())
