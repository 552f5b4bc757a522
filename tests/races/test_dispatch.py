"""Several workers empty one outbox: every mail once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

import pytest
import zeal

from mailboxes import clock, stops
from mailboxes.modes import OversightMode
from messaging.models import Attempt, Message, Status
from messaging.outbound import dispatch
from messaging.outbound.transports import smtp
from tests import builders
from tests.builders import Tenant
from tests.chaos.processes import until
from tests.fakes.sink import Sink
from tests.messaging.outbound import relay as relay
from tests.races.harness import LONG, THREADS, race

pytestmark = [pytest.mark.race, pytest.mark.django_db(transaction=True)]

MESSAGES = 60


@pytest.fixture
def alice(relay: Sink, transactional_db: None) -> Iterator[Tenant]:
    with zeal.zeal_ignore():
        alice = builders.tenant(mode=OversightMode.AUTONOMOUS)
        dispatch.drain()
        relay.taken.clear()
        yield alice


def test_every_message_leaves_once_when_eight_workers_drain_at_once(alice: Tenant, relay: Sink) -> None:
    messages = _many(alice)
    made = race([_worker] * THREADS)
    assert sum(int(str(count)) for count in made) == MESSAGES
    assert relay.copies() == {message.message_id: 1 for message in messages}
    assert set(Message.objects.filter(account=alice.account).values_list("status", flat=True)) == {Status.SENT}


def test_every_message_leaves_once_when_one_worker_sends_by_two_threads(alice: Tenant, relay: Sink) -> None:
    messages = _many(alice)
    assert dispatch.drain(batch=4, threads=2, busy_for=LONG) == MESSAGES
    assert relay.copies() == {message.message_id: 1 for message in messages}


def test_every_message_leaves_once_when_the_reaper_is_hasty(
    alice: Tenant, relay: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Leases that are over at once: what is not marked yet goes again, what is marked never does."""
    monkeypatch.setattr("messaging.outbound.outbox.LEASE", timedelta())
    messages = _many(alice)
    race([*[_worker] * (THREADS - 2), _reaper, _reaper])
    dispatch.take_back_overdue()
    dispatch.drain(busy_for=LONG)
    copies = relay.copies()
    assert max(copies.values()) == 1
    for message in messages:
        message.refresh_from_db()
        assert message.status == Status.SENT
        assert copies[message.message_id] == 1


def test_no_body_begins_when_a_stop_has_committed(alice: Tenant, relay: Sink) -> None:
    _many(alice)

    def stop() -> datetime:
        until(lambda: relay.taken, "a first mail leaves")
        stops.stop(alice.owner, reason="test", now=clock.now())
        return clock.now()

    committed_at = race([*[_worker] * (THREADS - 1), stop])[-1]
    assert not Attempt.objects.filter(data_at__gt=committed_at).exists()
    assert not Attempt.objects.filter(finished_at__isnull=True).exists()
    assert dispatch.drain() == 0
    sent = Message.objects.filter(account=alice.account, status=Status.SENT).count()
    assert sent == len(relay.taken)
    stops.resume(alice.owner, now=clock.now())
    dispatch.drain(busy_for=LONG)
    assert len(relay.taken) == MESSAGES
    assert set(relay.copies().values()) == {1}


def _many(alice: Tenant) -> list[Message]:
    now = clock.now()
    # Of the last hour: the limits count by the minute.
    return [builders.submit(alice, now=now - timedelta(minutes=minute)) for minute in range(MESSAGES)]


def _worker() -> int:
    return _with_connections_closed(lambda: dispatch.drain(batch=4, busy_for=LONG))


def _reaper() -> int:
    return _with_connections_closed(lambda: sum(dispatch.take_back_overdue() for _ in range(10)))


def _with_connections_closed(act: Callable[[], int]) -> int:
    try:
        return act()
    finally:
        smtp.close_kept()
