"""What one account's burst costs its neighbour (reliability, A55): from accepted to the relay's go-ahead, p99, while
another account has `QUEUED` mails due, beside the same without them.

Two worker processes with two threads each that do nothing but drain, a real relay. Mails of the neighbour that did not
leave, or left twice, make it fail.
"""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import pytest
import zeal

from mailboxes import clock
from mailboxes.models import Account, LimitKind
from mailboxes.modes import OversightMode
from messaging.models import Attempt, Recipient
from messaging.outbound import dispatch
from tests import builders
from tests.bench.full_outbox import fill
from tests.bench.side_by_side import Comparison
from tests.bench.stack import Stack
from tests.builders import Tenant
from tests.fakes.postfix import PostfixSink, postfix_sink

pytestmark = pytest.mark.django_db(transaction=True)

QUEUED = int(os.environ.get("QUEUED", "100000"))
MAILS = int(os.environ.get("MAILS", "400"))
PAUSE = 0.05
PATIENCE = 60
WORKER = """
import time, django
django.setup()
from messaging.outbound import dispatch
while True:
    dispatch.drain(threads=dispatch.THREADS)
    time.sleep(0.005)
"""


@pytest.fixture
def sink() -> Iterator[PostfixSink]:
    with postfix_sink() as sink:
        yield sink


@pytest.fixture
def workers(tmp_path: Path, sink: PostfixSink) -> Iterator[Stack]:
    with Stack(tmp_path) as stack:
        for name in ("one", "two"):
            named = {"RELAY_URL": f"{sink.url}?tls=none", "DJANGO_SETTINGS_MODULE": "config.settings"}
            stack.start(name, "-c", WORKER, **named)
        yield stack


def test_a_burst_of_a_neighbour(request: pytest.FixtureRequest) -> None:
    with zeal.zeal_ignore():
        quiet, noisy = (builders.tenant(name, mode=OversightMode.AUTONOMOUS) for name in ("quiet", "noisy"))
        for tenant, kind in product((quiet, noisy), LimitKind):
            builders.limit(tenant.account, kind, 0)
        dispatch.drain()
        fill(noisy, QUEUED)
        hers = Account.objects.filter(pk=noisy.account.pk)
        hers.update(stopped_at=clock.now())
        request.getfixturevalue("workers")
        delays(quiet, 20)  # connections, imports
        alone = delays(quiet, MAILS)
        hers.update(stopped_at=None)
        crowded = delays(quiet, MAILS)
        left = Recipient.objects.filter(message__account=noisy.account, next_at__isnull=False).count()
    assert 0 < left < QUEUED, "the neighbour's queue was empty before the end, or never moved"
    medians = f"{statistics.median(alone):.1f} and {statistics.median(crowded):.1f} ms"
    print(f"\n{QUEUED - left} of {QUEUED} left meanwhile; medians {medians}")
    what = f"accepted → go-ahead of the relay, p99, while a neighbour has {QUEUED:,} mails due"
    ours, reference = [p99(crowded)], [p99(alone)]
    Comparison("A55", what, "the same without", "ms", ours, reference, wanted=2, is_most=True).keep()


def delays(quiet: Tenant, count: int) -> list[float]:
    """Milliseconds from the commit of each mail to its mark: the relay is about to be given its body."""
    accepted = {}
    for _ in range(count):
        message = builders.submit(quiet, now=clock.now())
        accepted[message.pk] = clock.now()
        time.sleep(PAUSE)
    until = time.monotonic() + PATIENCE
    attempts = Attempt.objects.filter(recipient__message__in=list(accepted), data_at__isnull=False)
    while attempts.count() < count:
        assert time.monotonic() < until, "the neighbour's mails do not leave"
        time.sleep(0.05)
    marks = attempts.values_list("recipient__message_id", "data_at")
    assert len(marks) == count, "a mail left twice"
    return [max((at - accepted[pk]).total_seconds() * 1000, 0) for pk, at in marks if at is not None]


def p99(values: list[float]) -> float:
    return statistics.quantiles(values, n=100)[98]
