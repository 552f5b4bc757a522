"""Mail is filed in batches: what comes of each is the same as if it had come alone."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from types import SimpleNamespace

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from mailboxes import clock
from mailboxes.errors import Conflict
from mailboxes.models import Event
from messaging import lifecycle, shutdown, wakeup
from messaging.inbound import claims, intake, parser_process
from messaging.models import Direction, Message, RawMessage, Status, Thread
from messaging.signals import messages_arrived
from tests import builders
from tests.arrivals import receive
from tests.letters import letter
from tests.messaging.test_parser_process import F1_HANG

pytestmark = pytest.mark.django_db


def subjects() -> list[str]:
    received = Message.objects.filter(direction=Direction.INBOUND, status=Status.RELEASED)
    return list(received.order_by("created_at", "received_at").values_list("subject", flat=True))


@contextmanager
def refused(is_bad: Callable[[Message], bool]) -> Iterator[None]:
    """While it lasts, a defect of ours keeps such mail from being filed."""

    def refuse(*, messages: list[Message], **_: object) -> None:
        if any(is_bad(message) for message in messages):
            raise RuntimeError("a defect of ours")

    messages_arrived.connect(refuse)
    try:
        yield
    finally:
        messages_arrived.disconnect(refuse)


def test_a_batch_is_filed_by_few_statements() -> None:
    alice, bob = builders.tenant("alice"), builders.tenant("bob")
    for number in range(10):
        receive(letter(subject=f"No {number}"), (alice if number % 2 else bob).mailbox.full_address)
    with CaptureQueriesContext(connection) as queries:
        assert intake.process_due(limit=20, now=clock.now()) == 10
    assert len(queries) <= 10
    assert subjects() == [f"No {number}" for number in range(10)]
    assert Event.objects.filter(kind="message.received").count() == 10


def test_a_mail_that_hangs_its_parser_is_flagged_and_the_others_of_its_batch_are_read() -> None:
    alice = builders.tenant()
    for raw in (letter(subject="Before"), F1_HANG, letter(subject="After")):
        receive(raw, alice.mailbox.full_address)
    assert intake.process_due(limit=10, now=clock.now()) == 3
    assert [subject for subject in subjects() if subject] == ["Before", "After"]


def test_many_mails_that_can_not_be_filed_hold_up_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(claims, "FIRST_PAUSE", timedelta(minutes=30))  # none comes again meanwhile
    alice = builders.tenant()
    for number in range(6):
        receive(letter(subject=f"Bad {number}"), alice.mailbox.full_address)
    receive(letter(subject="Good"), alice.mailbox.full_address)
    with refused(lambda message: message.subject.startswith("Bad")):
        assert intake.drain(batch=3, busy_for=60) == 1
    assert subjects() == ["Good"]
    assert intake.process_due(limit=10, now=clock.now() + claims.FIRST_PAUSE) == 6


def test_a_mail_that_fails_again_and_again_waits_longer_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intake, "time", SimpleNamespace(monotonic=lambda: 0.0))  # to fail takes no time
    row = receive(letter(), builders.tenant().mailbox.full_address)
    now, pauses = clock.now(), []
    with refused(lambda message: True):
        for _ in range(14):
            assert intake.process_due(limit=10, now=now) == 0
            row.refresh_from_db()
            assert row.due_at is not None
            pauses.append(row.due_at - now)
            assert intake.process_due(limit=10, now=row.due_at - timedelta(seconds=1)) == 0
            now = row.due_at
    assert row.failures_count == 14
    assert pauses == [min(claims.FIRST_PAUSE * 2**number, claims.LONGEST_PAUSE) for number in range(14)]
    assert intake.process_due(limit=10, now=now) == 1


def test_an_answer_joins_the_thread_of_a_mail_of_its_own_batch() -> None:
    alice = builders.tenant()
    box = alice.mailbox.full_address
    receive(letter(subject="Lunch", message_id="<1@x.example>"), box)
    receive(letter("In-Reply-To: <1@x.example>", subject="Other words", message_id="<2@x.example>"), box)
    receive(letter(subject="Re: Lunch"), box)
    receive(letter(subject="Lunch", sender="lee@friends.example"), box)
    assert intake.process_due(limit=10, now=clock.now()) == 4
    assert sorted(alice.mailbox.threads.values_list("message_count", flat=True)) == [1, 3]


def test_answers_to_one_mail_find_its_thread_together() -> None:
    alice = builders.tenant()
    box = alice.mailbox.full_address
    receive(letter(subject="Lunch", message_id="<1@x.example>"), box)
    intake.process_due(limit=10, now=clock.now())
    for who in ("kim", "lee"):
        receive(letter("In-Reply-To: <1@x.example>", subject=f"From {who}", sender=f"{who}@friends.example"), box)
    assert intake.process_due(limit=10, now=clock.now()) == 2
    thread = Thread.objects.get(mailbox=alice.mailbox)
    assert thread.message_count == 3
    assert thread.participants == ["kim@friends.example", "alice@agents.example", "lee@friends.example"]


def test_no_more_is_read_at_a_time_than_fits_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    alice = builders.tenant()
    for _ in range(3):
        receive(letter(body="x\r\n" * 500), alice.mailbox.full_address)
    monkeypatch.setattr(claims, "BATCH_BYTES", 2000)
    assert [intake.process_due(limit=10, now=clock.now()) for _ in range(4)] == [1, 1, 1, 0]


def test_nothing_is_begun_when_the_worker_is_to_end(monkeypatch: pytest.MonkeyPatch) -> None:
    receive(letter(), builders.tenant().mailbox.full_address)
    monkeypatch.setattr(shutdown, "is_asked", lambda: True)
    assert intake.drain() == 0
    assert RawMessage.objects.get().processed_at is None


def test_a_long_line_is_filed_by_successors(monkeypatch: pytest.MonkeyPatch) -> None:
    alice = builders.tenant()
    for _ in range(3):
        receive(letter(), alice.mailbox.full_address)
    rung: list[str] = []
    monkeypatch.setattr(wakeup, "ring", rung.append)
    assert intake.drain(batch=2, busy_for=0) == 2
    assert rung == [wakeup.PROCESS_INTAKE]
    assert intake.drain() == 1
    assert intake.drain() == 0


def test_a_batch_whose_reader_breaks_is_read_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    alice = builders.tenant()
    for subject in ("One", "Two"):
        receive(letter(subject=subject), alice.mailbox.full_address)
    read = parser_process.parse_all

    def alone(raws: list[bytes]) -> object:
        if len(raws) > 1:
            raise RuntimeError("a defect of ours")
        return read(raws)

    monkeypatch.setattr(parser_process, "parse_all", alone)
    assert intake.process_due(limit=10, now=clock.now()) == 2
    assert subjects() == ["One", "Two"]


def test_a_message_that_has_moved_on_is_not_shown_again() -> None:
    receive(letter(), builders.tenant().mailbox.full_address)
    intake.process_due(limit=10, now=clock.now())
    message = Message.objects.get(direction=Direction.INBOUND)
    as_it_was = Message(pk=message.pk, status=Status.ARRIVED)
    with pytest.raises(Conflict):
        lifecycle.advance_all([as_it_was], Status.RELEASED)


@pytest.mark.race
@pytest.mark.django_db(transaction=True)
def test_two_workers_share_the_work_and_file_each_mail_once() -> None:
    alice = builders.tenant()
    for _ in range(12):
        receive(letter(), alice.mailbox.full_address)
    start, filed = threading.Barrier(2), []

    def work() -> None:
        try:
            start.wait(60)
            filed.append(intake.process_due(limit=20, now=clock.now()))
        finally:
            connection.close()

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive()
    assert sum(filed) == 12
    assert len(subjects()) == 12
