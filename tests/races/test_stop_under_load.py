"""A stop under 50 sends a second, with threads that send to a real relay: nothing begins once it has returned (I11)."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from threading import Event, Thread

import pytest
import zeal
from aiosmtpd.smtp import SMTP, Envelope, Session
from django.db import connection
from pytest_django import Settings

from mailboxes.models import StopScope
from mailboxes.modes import OversightMode
from messaging.models import Attempt, Message, Recipient, Status
from messaging.outbound import dispatch
from messaging.outbound.transports import smtp
from tests import builders
from tests.builders import Tenant
from tests.chaos.processes import until
from tests.fakes.sink import Sink
from tests.flips import SCOPES, Flip
from tests.races.harness import PATIENCE

pytestmark = [pytest.mark.race, pytest.mark.django_db(transaction=True)]

in_rounds = pytest.mark.parametrize("rounds", [5, pytest.param(100, marks=pytest.mark.chaos)])
PAUSE = 1 / 50
WORKERS = 3
STOPPED_FOR = 0.4


@dataclass
class WatchedSink(Sink):
    """Notes when each recipient was offered."""

    offered_at: list[float] = field(default_factory=list)

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        self.offered_at.append(time.monotonic())
        return await super().handle_RCPT(server, session, envelope, address, options)


@pytest.fixture
def relay(settings: Settings) -> Iterator[WatchedSink]:
    settings.DEFAULT_LIMITS = dict.fromkeys(settings.DEFAULT_LIMITS, 0)
    sink = WatchedSink()
    with sink:
        settings.RELAY_URL = sink.url
        yield sink


@pytest.fixture
def alice(relay: WatchedSink, transactional_db: None) -> Tenant:
    with zeal.zeal_ignore():
        alice = builders.tenant(mode=OversightMode.AUTONOMOUS)
        dispatch.drain()
        return alice


@contextmanager
def at_work(*acts: Callable[[], object]) -> Iterator[None]:
    """Each act in a thread of its own, again and again."""
    over = Event()
    failures: list[BaseException] = []

    def work(act: Callable[[], object]) -> None:
        try:
            with zeal.zeal_ignore():
                while not over.is_set():
                    act()
        except BaseException as failure:  # handed to the main thread
            failures.append(failure)
        finally:
            smtp.close_kept()
            connection.close()

    threads = [Thread(target=work, args=[act]) for act in acts]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        over.set()
        for thread in threads:
            thread.join(PATIENCE)
    assert not any(thread.is_alive() for thread in threads)
    assert failures == []


@in_rounds
@pytest.mark.parametrize("scope", SCOPES)
def test_nothing_begins_after_a_stop_under_load_and_all_of_it_leaves_after_the_resume(
    alice: Tenant, relay: WatchedSink, scope: StopScope, rounds: int
) -> None:
    flip = Flip(alice, scope)

    def send() -> None:
        builders.submit(alice)
        time.sleep(PAUSE)

    def drain() -> None:
        if not dispatch.drain(batch=10, busy_for=1):
            time.sleep(PAUSE)

    with at_work(send, *[drain] * WORKERS):
        for _ in range(rounds):
            before = len(relay.taken)
            until(lambda before=before: len(relay.taken) > before + 5, "mail leaves")  # type: ignore[misc]  # a loop's variable
            moment = flip.stop()
            said = time.monotonic()
            time.sleep(STOPPED_FOR)
            until(_is_anything_kept, "something waits for the resume")
            resumed = time.monotonic()
            _check_nothing_began_since(moment)
            # Each worker had at most one in hand that it had looked at before.
            assert len([at for at in relay.offered_at if said < at < resumed]) <= WORKERS
            flip.resume()
    with zeal.zeal_ignore():
        until(lambda: not dispatch.drain() and not _is_waiting(), "all of it leaves")
    smtp.close_kept()
    mine = Message.objects.filter(account=alice.account)
    assert set(mine.values_list("status", flat=True)) == {Status.SENT}
    copies = relay.copies()
    assert {copies[message_id] for message_id in mine.values_list("message_id", flat=True)} == {1}


def _check_nothing_began_since(moment: datetime) -> None:
    assert Attempt.objects.filter(started_at__gt=moment).count() == 0
    assert Attempt.objects.filter(data_at__gt=moment).count() == 0


def _is_anything_kept() -> bool:
    return Message.objects.filter(status=Status.QUEUED).exists()


def _is_waiting() -> bool:
    return Recipient.objects.filter(next_at__isnull=False).exists()
