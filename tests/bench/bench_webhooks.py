"""Telling webhooks (performance, P14): deliveries a second of the real process, HTTPS, pinned address, two signatures,
a row per delivery and per attempt, beside one kept httpx2 client that posts to the same receiver; and what one endpoint
that never answers costs nine that do, in deliveries a second and in the time from the event to the receiver.

A burst in which an event was not told counts as 0. The rate of a burst is that between its first and its last arrival.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import zeal
from django.conf import settings

from mailboxes import clock, events
from mailboxes.events import Happening
from mailboxes.models import Event
from mailboxes.modes import OversightMode
from messaging.models import EndpointStatus, WebhookAttempt, WebhookDelivery, WebhookEndpoint
from messaging.outbound import dispatch
from messaging.webhooks import endpoints
from tests import builders
from tests.bench.conversations import Talker, talker
from tests.bench.side_by_side import Comparison, in_turn
from tests.bench.stack import Stack
from tests.builders import Tenant
from tests.fakes.tls import server_context

pytestmark = pytest.mark.django_db(transaction=True)

COUNT = int(os.environ.get("COUNT", "3000"))
REPEATS = int(os.environ.get("REPEATS", "5"))
SECONDS = float(os.environ.get("SECONDS", "20"))
EVENTS_PER_SECOND = float(os.environ.get("RATE", "5"))
PROCESSES = int(os.environ.get("PROCESSES", "1"))
HEALTHY = 9
KIND = "message.sent"
PATIENCE = 60


@dataclass(frozen=True)
class House:
    """A receiver, the process that tells it, nine accounts with a webhook each, and a tenth whose webhook hangs."""

    stack: Stack
    to: Talker
    owners: list[Tenant]
    hanging: tuple[Tenant, WebhookEndpoint]

    def burst(self, *, is_hanging: bool) -> float:
        """Deliveries a second of `COUNT` events that are there at once."""
        self.hang(is_hanging)
        each = COUNT // HEALTHY
        for owner in self.owners:
            happen(owner, each)
        if is_hanging:
            happen(self.hanging[0], each)
        return rate(self.taken(each * HEALTHY))

    def latencies(self, *, is_hanging: bool) -> list[float]:
        """Seconds from event to receiver while all accounts have events at a steady pace."""
        self.hang(is_hanging)
        accounts = [str(owner.account.pk) for owner in (*self.owners, self.hanging[0])]
        self.stack.run("-m", "tests.bench.webhook_events", str(SECONDS), str(EVENTS_PER_SECOND), *accounts)
        expected = int(SECONDS * EVENTS_PER_SECOND) * HEALTHY
        arrived = {event_id: at for _, event_id, at, _ in self.taken(expected)}
        happened = dict(Event.objects.filter(pk__in=arrived).values_list("pk", "created_at"))
        assert len(happened) == expected
        return sorted(arrived[str(pk)] - at.timestamp() for pk, at in happened.items())

    def hang(self, is_hanging: bool) -> None:
        """The tenth webhook is there, with nothing against it yet, or not."""
        status = EndpointStatus.ACTIVE if is_hanging else EndpointStatus.PAUSED
        one = WebhookEndpoint.objects.filter(pk=self.hanging[1].pk)
        one.update(status=status, failure_count=0)
        self.to.ask("clear")
        self.to.answer()

    def taken(self, count: int) -> list[tuple[str, str, float, int]]:
        """What the receiver took, once it is so many."""
        until = time.monotonic() + PATIENCE
        while self._count() < count and time.monotonic() < until:
            time.sleep(0.1)
        self.to.ask("taken")
        told: list[tuple[str, str, float, int]] = self.to.answer()["taken"]
        return told if len({event_id for _, event_id, _, _ in told}) == count else []

    def _count(self) -> int:
        self.to.ask("count")
        return int(self.to.answer()["count"])


def rate(taken: list[tuple[str, str, float, int]]) -> float:
    times = sorted(at for _, _, at, _ in taken)
    return (len(times) - 1) / (times[-1] - times[0]) if times else 0


def happen(owner: Tenant, count: int) -> None:
    """So many events at once, of the message that really was sent."""
    one = Event.objects.filter(account=owner.account, kind=KIND).order_by("seq")[0]
    again = Happening(one.kind, one.subject, json.loads(one.data), one.mailbox_id)
    events.record_all(owner.account, [again] * count, now=clock.now())


def account(name: str) -> Tenant:
    owner = builders.tenant(name, mode=OversightMode.AUTONOMOUS)
    builders.submit(owner)
    dispatch.drain()
    assert Event.objects.filter(account=owner.account, kind=KIND).exists()
    return owner


def webhook(owner: Tenant, url: str) -> WebhookEndpoint:
    asked = endpoints.NewEndpoint(endpoints.check_url(url), [KIND])
    return endpoints.create(owner.agent_actor, asked, now=clock.now())[0]


@contextmanager
def house(folder: Path) -> Iterator[tuple[House, Talker, str]]:
    with zeal.zeal_ignore(), ExitStack() as ends:
        _, certificate = server_context(folder, host="localhost")
        trusting = {**os.environ, "SSL_CERT_FILE": str(certificate)}
        python = [sys.executable, "-W", "ignore"]
        to = ends.enter_context(talker([*python, "-m", "tests.bench.https_receiver", str(folder)], os.environ))
        kept = ends.enter_context(talker([*python, "tests/bench/references/kept_client.py"], trusting))
        to.ask("port")
        door = f"localhost:{to.answer()['port']}"
        settings.WEBHOOK_ALLOW = [door]
        owners = [account(f"tenant-{number}") for number in range(HEALTHY)]
        dead = account("hanging")
        for number, owner in enumerate(owners):
            webhook(owner, f"https://{door}/hook/{number}")
        hanging = dead, webhook(dead, f"https://{door}/hang")
        stack = ends.enter_context(Stack(folder))
        ours = {"WEBHOOK_ALLOW": door, "SSL_CERT_FILE": str(certificate), "WEBHOOK_FAILURES": "10000"}
        for number in range(PROCESSES):
            stack.start(f"webhooks-{number}", "manage.py", "webhooks", **ours)
        yield House(stack, to, owners, hanging), kept, f"https://{door}/kept"


def reference(kept: Talker, url: str, octets: int) -> float:
    kept.ask(f"{url} {COUNT} {octets}")
    told: dict[str, Any] = kept.answer()
    return COUNT / float(told["seconds"])


def test_webhooks_are_told_beside_a_kept_client_and_beside_one_that_hangs(tmp_path: Path, settings: Any) -> None:
    settings.WEBHOOK_ALLOW = []
    with house(tmp_path) as (ours, kept, url):
        warm = ours.burst(is_hanging=False)
        assert warm > 0, (tmp_path / "webhooks-0.log").read_text()
        octets = statistics.mean(length for *_, length in ours.taken(COUNT // HEALTHY * HEALTHY))
        alone, beside, bare = in_turn(
            lambda: ours.burst(is_hanging=False),
            lambda: ours.burst(is_hanging=True),
            lambda: reference(kept, url, int(octets)),
            repeats=REPEATS,
        )
        quiet, troubled = ours.latencies(is_hanging=False), ours.latencies(is_hanging=True)
        assert_written(ours)
    loop = f"httpx2, 1 kept client, bodies of {octets:.0f} octets"
    Comparison("P14", "webhooks told", loop, "/s", alone, bare, 0.7).keep()
    Comparison("P14 hanging", "webhooks told, one more hangs", "none hangs", "/s", beside, alone, 0.95).keep()
    ms = {name: [p99(values) * 1000] for name, values in (("quiet", quiet), ("troubled", troubled))}
    Comparison(
        "P14 p99", "event to receiver, p99, one more hangs", "none hangs", "ms", ms["troubled"], ms["quiet"], 1.05,
        is_most=True,
    ).keep()  # fmt: skip
    Comparison("P14 I19", "p99, one more hangs", "limit", "ms", ms["troubled"], [2000], 1, is_most=True).keep()
    print(f"medians: {statistics.median(quiet) * 1000:.0f} and {statistics.median(troubled) * 1000:.0f} ms")


def p99(values: list[float]) -> float:
    return values[int(len(values) * 0.99)]


def assert_written(ours: House) -> None:
    """Each delivery to the healthy ones has its row and its attempt."""
    healthy = WebhookDelivery.objects.exclude(endpoint=ours.hanging[1])
    told = healthy.filter(status="DELIVERED").count()
    assert told == healthy.count() == WebhookAttempt.objects.filter(delivery__in=healthy, response_status=200).count()
