"""What a worker held whose session is gone: taken back at the next sweep, and doubled by nobody."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection

from mailboxes import clock
from messaging.models import Attempt, AttemptPhase, Message, Status
from messaging.outbound import delivery, dispatch, orphans, outbox
from messaging.outbound.answers import Answers
from messaging.outbound.mail import Mail
from messaging.outbound.outcomes import Halt, Outcome, OutcomeKind
from tests import builders
from tests.builders import Tenant
from tests.fakes.sink import Sink
from tests.messaging.outbound import alice as alice
from tests.messaging.outbound import relay as relay

pytestmark = pytest.mark.django_db(transaction=True)
SENT = Outcome(OutcomeKind.SENT, "250", "2.0.0 Ok: queued")


def nothing_more(_claimed: list[Mail]) -> None:
    """The worker dies between the claim and the first mark."""


def held_by_a_worker_that_is_gone(
    alice: Tenant, count: int = 1, *, act: Callable[[list[Mail]], None] = nothing_more
) -> list[Mail]:
    """Claimed by another session, which has come as far as `act` does when it ends."""
    for _ in range(count):
        builders.submit(alice)

    def work() -> tuple[list[Mail], int]:
        try:
            mails = delivery.load(outbox.claim_due(limit=20, now=clock.now()))
            act(mails)
            return mails, connection.connection.info.backend_pid
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as thread:
        mails, session = thread.submit(work).result()
    until_the_server_misses(session)
    return mails


def until_the_server_misses(session: int) -> None:
    with connection.cursor() as cursor:
        while True:
            cursor.execute("SELECT 1 FROM pg_stat_activity WHERE pid = %s", [session])
            if not cursor.fetchone():
                return


def test_what_a_dead_worker_had_only_claimed_leaves_at_the_next_sweep(alice: Tenant, relay: Sink) -> None:
    mails = held_by_a_worker_that_is_gone(alice, 3)
    assert dispatch.take_back_overdue() == 3
    assert set(Attempt.objects.filter(pk__in=[mail.pk for mail in mails]).values_list("code", flat=True)) == {
        "lease_over"
    }
    dispatch.drain()
    assert set(relay.copies().values()) == {1}
    assert len(relay.taken) == 3


def test_what_a_living_worker_holds_is_left_to_it(alice: Tenant) -> None:
    builders.submit(alice)
    (claimed,) = outbox.claim_due(limit=20, now=clock.now())
    assert dispatch.take_back_overdue() == 0
    assert Attempt.objects.get(pk=claimed.pk).phase == AttemptPhase.STARTED


def test_what_a_dead_worker_had_begun_to_send_waits_for_its_lease(alice: Tenant) -> None:
    (mail,) = held_by_a_worker_that_is_gone(alice, act=lambda mails: delivery.mark(mails[0]))
    assert dispatch.take_back_overdue() == 0
    assert Attempt.objects.get(pk=mail.pk).phase == AttemptPhase.DATA


def test_what_was_answered_to_a_dead_worker_ends_as_it_was_noted(alice: Tenant) -> None:
    def answered(mails: list[Mail]) -> None:
        answers = Answers()
        delivery.mark(mails[0], answers=answers)
        answers.add(mails[0], SENT)
        delivery.mark(mails[1], answers=answers)

    first, second = held_by_a_worker_that_is_gone(alice, 2, act=answered)
    assert dispatch.take_back_overdue() == 1
    told = dict(Attempt.objects.values_list("pk", "outcome"))
    assert (told[first.pk], told[second.pk]) == ("sent", "")


def test_a_worker_that_lost_its_session_and_lives_may_not_begin_what_was_taken_back(alice: Tenant) -> None:
    """It has another connection by then; the mark is what decides, not the session."""
    (mail,) = held_by_a_worker_that_is_gone(alice)
    dispatch.take_back_overdue()
    with pytest.raises(Halt, match="superseded"):
        delivery.mark(mail)


def test_a_worker_that_lost_its_session_and_lives_keeps_what_it_marks_first(alice: Tenant) -> None:
    (mail,) = held_by_a_worker_that_is_gone(alice)
    assert orphans.end_leases(now=clock.now()) == 1
    delivery.mark(mail)
    assert dispatch.take_back_overdue() == 0
    assert Message.objects.get(recipients=mail.recipient_id).status == Status.SENDING


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("session", "'1.' || split_part(session, '.', 2)"),
        ("session", "''"),
        ("started_at", "pg_postmaster_start_time() - interval '1 second'"),
    ],
    ids=["another server took over", "claimed by an older release", "the server crashed since"],
)
def test_nobody_is_believed_dead_whose_session_this_server_cannot_know(alice: Tenant, column: str, value: str) -> None:
    held_by_a_worker_that_is_gone(alice)
    with connection.cursor() as cursor:
        cursor.execute(f"UPDATE messaging_attempt SET {column} = {value} WHERE finished_at IS NULL")  # noqa: S608
    assert dispatch.take_back_overdue() == 0
