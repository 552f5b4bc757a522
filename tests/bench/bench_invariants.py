"""How long check_invariants takes on many sent messages, told for each 100,000 of them; and whether that grows evenly.

Every invariant is asked twice, at a quarter of the messages and at all of them: its time should be four times as long.
"""

from __future__ import annotations

import os
import time

import pytest
import zeal
from django.db import connection
from pytest_django import Settings

from config.invariants import INVARIANTS, check_all
from config.invariants.invariant import Invariant
from config.owner import as_owner
from mailboxes import clock
from mailboxes.modes import OversightMode
from messaging.outbound import outbox, outcomes
from messaging.outbound.outcomes import Outcome, OutcomeKind
from tests import builders
from tests.builders import Tenant

from . import full_outbox

MESSAGES = int(os.environ.get("COUNT", 20_000))
BATCH = 1000


@pytest.mark.django_db(transaction=True)
def test_every_promise_is_asked_in_good_time(settings: Settings) -> None:
    settings.DEFAULT_LIMITS = dict.fromkeys(settings.DEFAULT_LIMITS, 0)
    with zeal.zeal_ignore():
        alice = builders.tenant(mode=OversightMode.AUTONOMOUS)
        _make_sent(alice, MESSAGES // 4)
        quarter = _times()
        _make_sent(alice, MESSAGES - MESSAGES // 4)
        times = _times()
        began = time.perf_counter()
        assert all(result.holds for result in check_all())
        whole = time.perf_counter() - began
    per_100k = 100_000 / MESSAGES
    print(
        f"\n{len(INVARIANTS)} invariants: {whole * per_100k:.1f} s per 100,000 sent messages of {MESSAGES:,}; slowest:"
    )
    print("| invariant | s per 100,000 | times as long for four times as many |\n|---|---|---|")
    for name, seconds in sorted(times.items(), key=lambda pair: -pair[1])[:10]:
        print(f"| {name} | {seconds * per_100k:.2f} | {seconds / quarter[name]:.1f} |")


def _times() -> dict[str, float]:
    """Seconds of each invariant, the shorter of two, on tables as autovacuum leaves them."""
    with as_owner(), connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
    return {invariant.id: min(_time(invariant) for _ in range(2)) for invariant in INVARIANTS}


def _time(invariant: Invariant) -> float:
    began = time.perf_counter()
    assert invariant.find(5) == [], invariant.id
    return time.perf_counter() - began


def _make_sent(alice: Tenant, count: int) -> None:
    full_outbox.fill(alice, count)
    taken = Outcome(OutcomeKind.SENT, "250", "Ok.")
    while claimed := outbox.claim_due(limit=BATCH, now=clock.now()):
        outcomes.record_all([(attempt, taken) for attempt in claimed], now=clock.now())
