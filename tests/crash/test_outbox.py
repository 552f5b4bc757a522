"""kill -9 of a worker at every point of the way out: nothing lost, nothing twice, unknown where the answer was lost."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest
import zeal
from django.conf import settings
from django.db import connection

from mailboxes.modes import OversightMode
from messaging.models import Attempt, AttemptPhase, Message, Status
from messaging.outbound import dispatch
from tests import builders
from tests.crash.database import database_url
from tests.fakes.sink import Sink
from tests.messaging.outbound import events_of, recipient_of
from tests.messaging.outbound import relay as relay

pytestmark = [pytest.mark.crash, pytest.mark.django_db(transaction=True)]

NOTHING_LEFT = [
    *("claim.before_commit", "claim.after_commit"),
    *("smtp.after_connect", "smtp.after_rcpt", "smtp.before_data_mark"),
]
BYTES_MAY_HAVE_LEFT = [
    *("smtp.after_data_mark", "smtp.mid_body", "smtp.after_dot"),
    *("smtp.after_reply", "smtp.before_result_commit"),
]


class Workers:
    """Starts workers in processes of their own and hears how they end."""

    def __init__(self, relay_url: str, drainer: subprocess.Popen[str]) -> None:
        self._relay_url, self._drainer = relay_url, drainer

    def start(self, faultpoints: str) -> int:
        """The pid of a worker that drains the outbox."""
        assert self._drainer.stdin is not None
        self._drainer.stdin.write(f"{faultpoints} {self._relay_url}\n")
        self._drainer.stdin.flush()
        return self._answer()

    def ended_with(self) -> int:
        """The exit code of the worker; negative for a signal."""
        return self._answer()

    def die_at(self, point: str) -> None:
        self.start(f"{point}=kill")
        assert self.ended_with() == -signal.SIGKILL

    def _answer(self) -> int:
        assert self._drainer.stdout is not None
        return int(self._drainer.stdout.readline())


@pytest.fixture(scope="module")
def drainer(django_db_setup: None) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-m", "tests.crash.drainer"],
        env={**os.environ, "DATABASE_URL": database_url(), "TESTING": "1"},
        cwd=settings.BASE_DIR,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        yield process
        assert process.stdin is not None
        process.stdin.close()


@pytest.fixture
def workers(drainer: subprocess.Popen[str], relay: Sink) -> Workers:
    return Workers(relay.url, drainer)


@pytest.fixture
def messages(relay: Sink) -> Iterator[list[Message]]:
    """Three messages that are due; what the sign-up sent has left."""
    with zeal.zeal_ignore():
        alice = builders.tenant(mode=OversightMode.AUTONOMOUS)
        dispatch.drain()
        relay.taken.clear()
        yield [builders.submit(alice) for _ in range(3)]


@pytest.mark.parametrize("point", NOTHING_LEFT)
def test_every_message_leaves_once_when_a_worker_dies_before_a_body(
    workers: Workers, relay: Sink, messages: list[Message], point: str
) -> None:
    workers.die_at(point)
    assert relay.taken == []
    if point != "claim.before_commit":
        assert dispatch.drain() == 0, "the dead worker's lease holds"
        _leases_are_over()
        assert dispatch.take_back_overdue() == 3
    assert dispatch.drain() == 3
    assert relay.copies() == {message.message_id: 1 for message in messages}
    assert _statuses(messages) == [Status.SENT] * 3


@pytest.mark.parametrize("point", BYTES_MAY_HAVE_LEFT)
def test_only_the_message_in_hand_is_unknown_when_a_worker_dies_between_mark_and_result(
    workers: Workers, relay: Sink, messages: list[Message], point: str
) -> None:
    workers.die_at(point)
    in_hand = Attempt.objects.select_related("recipient__message").get(phase=AttemptPhase.DATA).recipient.message
    _leases_are_over()
    dispatch.take_back_overdue()
    dispatch.drain()
    _leases_are_over()
    dispatch.take_back_overdue()
    assert dispatch.drain() == 0
    copies = relay.copies()
    possible = {"smtp.after_data_mark": [0], "smtp.mid_body": [0], "smtp.after_dot": [0, 1]}.get(point, [1])
    assert copies.pop(in_hand.message_id, 0) in possible
    others = [message for message in messages if message.pk != in_hand.pk]
    assert copies == {message.message_id: 1 for message in others}
    assert _statuses([in_hand]) == [Status.UNKNOWN]
    assert _statuses(others) == [Status.SENT] * 2
    assert events_of(in_hand)[-1] == "message.unknown"
    assert recipient_of(in_hand).code == "answer_lost"


def test_every_answer_stands_when_a_worker_dies_after_the_result(
    workers: Workers, relay: Sink, messages: list[Message]
) -> None:
    workers.die_at("smtp.after_result_commit")
    assert _statuses(messages).count(Status.SENT) == len(relay.taken)  # all three, but on a slow machine
    _leases_are_over()
    dispatch.take_back_overdue()
    dispatch.drain()
    assert relay.copies() == {message.message_id: 1 for message in messages}
    assert _statuses(messages) == [Status.SENT] * 3


def test_only_the_last_answer_is_lost_when_a_worker_dies_before_the_result_of_several(
    workers: Workers, relay: Sink, messages: list[Message]
) -> None:
    """None of the answers is written: each mark has noted the one before it."""
    workers.die_at("smtp.before_result_commit")
    answered_count = len(relay.taken)  # three, but on a slow machine
    assert _statuses(messages) == [Status.SENDING] * 3
    _leases_are_over()
    assert dispatch.take_back_overdue() == 3
    assert _statuses(messages).count(Status.SENT) == answered_count - 1
    assert _statuses(messages).count(Status.UNKNOWN) == 1
    dispatch.drain()
    assert relay.copies() == {message.message_id: 1 for message in messages}
    assert sorted(_statuses(messages)) == [Status.SENT, Status.SENT, Status.UNKNOWN]
    for message in messages:
        assert _statuses([message]) == [events_of(message)[-1].removeprefix("message.")]


def test_a_worker_finishes_the_mail_in_hand_and_gives_the_rest_back_when_it_is_terminated(
    workers: Workers, relay: Sink, messages: list[Message]
) -> None:
    pid = workers.start("smtp.mid_body=stall:1")
    _wait_until(lambda: Attempt.objects.filter(phase=AttemptPhase.DATA).exists())
    os.kill(pid, signal.SIGTERM)
    assert workers.ended_with() == -signal.SIGTERM
    assert len(relay.taken) == 1
    assert not Attempt.objects.filter(finished_at__isnull=True).exists()
    assert sorted(_statuses(messages)) == [Status.QUEUED, Status.QUEUED, Status.SENT]
    assert dispatch.drain() == 2
    assert relay.copies() == {message.message_id: 1 for message in messages}


def _leases_are_over() -> None:
    with connection.cursor() as cursor:
        cursor.execute("UPDATE messaging_attempt SET lease_until = started_at WHERE finished_at IS NULL")


def _statuses(messages: list[Message]) -> list[str]:
    return [Message.objects.values_list("status", flat=True).get(pk=message.pk) for message in messages]


def _wait_until(is_so: object, *, seconds: float = 10) -> None:
    assert callable(is_so)
    until = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < until, "it did not happen"
        time.sleep(0.05)
