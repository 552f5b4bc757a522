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
from messaging.models import Attempt, Message, Recipient, RecipientState, Status
from messaging.outbound import dispatch
from messaging.outbound.transports import smtp
from tests import builders
from tests.builders import Tenant
from tests.fakes.sink import Sink
from tests.flips import SCOPES, Flip

pytestmark = [pytest.mark.race, pytest.mark.django_db(transaction=True)]

in_rounds = pytest.mark.parametrize("rounds", [5, pytest.param(100, marks=pytest.mark.chaos)])
PAUSE = 1 / 50
WORKERS = 3
STOPPED_FOR = 0.4
# The looks before an envelope are 10 ms old at most; the rest is a busy machine's.
SLACK = 0.3


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
            thread.join(30)
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

    waited = 0
    with at_work(send, *[drain] * WORKERS):
        for _ in range(rounds):
            before = len(relay.taken)
            _until(lambda before=before: len(relay.taken) > before + 5)  # type: ignore[misc]  # a loop's variable
            moment = flip.stop()
            said = time.monotonic()
            time.sleep(STOPPED_FOR)
            resumed = time.monotonic()
            _check_nothing_began_since(moment)
            assert [at for at in relay.offered_at if said + SLACK < at < resumed] == []
            waited += Recipient.objects.filter(state=RecipientState.WAITING, next_at__lte=moment).count()
            waited += Message.objects.filter(status=Status.QUEUED).count()
            flip.resume()
    with zeal.zeal_ignore():
        _until(lambda: not dispatch.drain() and not _is_waiting())
    smtp.close_kept()
    mine = Message.objects.filter(account=alice.account)
    assert set(mine.values_list("status", flat=True)) == {Status.SENT}
    copies = relay.copies()
    assert {copies[message_id] for message_id in mine.values_list("message_id", flat=True)} == {1}
    assert waited > 0


def _check_nothing_began_since(moment: datetime) -> None:
    assert Attempt.objects.filter(started_at__gt=moment).count() == 0
    assert Attempt.objects.filter(data_at__gt=moment).count() == 0


def _is_waiting() -> bool:
    return Recipient.objects.filter(next_at__isnull=False).exists()


def _until(holds: Callable[[], object], seconds: float = 20) -> None:
    until = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < until
        time.sleep(0.01)
