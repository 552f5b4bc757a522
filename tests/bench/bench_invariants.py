"""How long check_invariants takes on many sent messages, told for each 100,000 of them."""

from __future__ import annotations

import time

import pytest
import zeal
from pytest_django import Settings

from config.invariants import INVARIANTS, check_all
from mailboxes import clock
from mailboxes.modes import OversightMode
from messaging.outbound import outbox, outcomes
from messaging.outbound.outcomes import Outcome, OutcomeKind
from tests import builders

from . import full_outbox

MESSAGES = 20_000
BATCH = 1000


@pytest.mark.django_db(transaction=True)
def test_every_promise_is_asked_in_good_time(settings: Settings) -> None:
    settings.DEFAULT_LIMITS = dict.fromkeys(settings.DEFAULT_LIMITS, 0)
    with zeal.zeal_ignore():
        _make_sent()
        times: list[tuple[float, str]] = []
        for invariant in INVARIANTS:
            began = time.perf_counter()
            assert invariant.find(5) == [], invariant.id
            times.append((time.perf_counter() - began, invariant.id))
        began = time.perf_counter()
        assert all(result.holds for result in check_all())
        whole = time.perf_counter() - began
    per_100k = 100_000 / MESSAGES
    slowest = ", ".join(f"{name} {seconds * per_100k:.1f} s" for seconds, name in sorted(times, reverse=True)[:6])
    print(f"\n{len(INVARIANTS)} invariants: {whole * per_100k:.1f} s per 100,000 sent messages; slowest: {slowest}")


def _make_sent() -> None:
    alice = builders.tenant(mode=OversightMode.AUTONOMOUS)
    full_outbox.fill(alice, MESSAGES)
    taken = Outcome(OutcomeKind.SENT, "250", "Ok.")
    while claimed := outbox.claim_due(limit=BATCH, now=clock.now()):
        outcomes.record_all([(attempt, taken) for attempt in claimed], now=clock.now())
