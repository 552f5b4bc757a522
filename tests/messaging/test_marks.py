"""The mark "bytes may have left": what it costs, what it notes, and what is left of it when a worker dies."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.db import connection, transaction

from mailboxes import clock
from mailboxes.errors import Conflict
from messaging.models import Attempt, AttemptPhase, Message
from messaging.outbound import delivery, outbox, outcomes
from messaging.outbound.answers import Answers
from messaging.outbound.mail import Mail
from messaging.outbound.outcomes import Outcome, OutcomeKind
from oversight import submission
from tests import builders
from tests.builders import Tenant
from tests.messaging.outbound import alice as alice

SENT = Outcome(OutcomeKind.SENT, "250", "2.0.0 Ok: queued")


def claimed(alice: Tenant, count: int) -> list[Mail]:
    """Mails in the hands of a worker that has not begun."""
    for _ in range(count):
        builders.submit(alice)
    return delivery.load(outbox.claim_due(limit=20, now=clock.now()))


def asked(query: str) -> object:
    with connection.cursor() as cursor:
        cursor.execute(query)
        return cursor.fetchone()[0]


@pytest.fixture
def synchronous(transactional_db: None) -> Iterator[None]:
    """Commits wait for the disk, as in production; the tests' server is told not to."""
    asked("SELECT set_config('synchronous_commit', 'on', false)")
    yield
    connection.close()


def log_position() -> str:
    return str(asked("SELECT pg_current_wal_insert_lsn()"))


def is_on_disk(position: str) -> bool:
    return bool(asked(f"SELECT pg_current_wal_flush_lsn() >= '{position}'::pg_lsn"))


@pytest.mark.django_db(transaction=True)
def test_a_mark_does_not_wait_for_the_disk_and_an_outcome_does(synchronous: None, alice: Tenant) -> None:
    mails, waited = claimed(alice, 8), []
    for mail in mails:
        delivery.mark(mail)
        waited.append(is_on_disk(log_position()))
    # The server writes its log behind our back now and then; had the marks waited, each would be on the disk.
    assert False in waited
    with transaction.atomic():
        outcomes.apply([(mail, SENT) for mail in mails], now=clock.now())
        written = log_position()
    assert is_on_disk(written)
    assert asked("SHOW synchronous_commit") == "on"


@pytest.mark.django_db
def test_the_commit_of_a_mark_alone_is_asynchronous(alice: Tenant) -> None:
    asked("SELECT set_config('synchronous_commit', 'on', false)")
    (mail,) = claimed(alice, 1)
    with transaction.atomic():
        delivery.mark(mail)
        # Inside a transaction that is not the statement's own, the setting can be seen: it is the transaction's.
        assert asked("SHOW synchronous_commit") == "off"


@pytest.mark.django_db
def test_the_mark_of_a_mail_notes_the_answer_to_the_one_before(alice: Tenant) -> None:
    first, second, third = claimed(alice, 3)
    answers = Answers()
    delivery.mark(first, answers=answers)
    answers.add(first, SENT)
    assert _phases() == {first.pk: AttemptPhase.DATA, second.pk: AttemptPhase.STARTED, third.pk: AttemptPhase.STARTED}
    delivery.mark(second, answers=answers)
    assert _phases() == {first.pk: AttemptPhase.ANSWERED, second.pk: AttemptPhase.DATA, third.pk: AttemptPhase.STARTED}
    noted = Attempt.objects.get(pk=first.pk)
    assert (noted.outcome, noted.code, noted.text, noted.finished_at) == ("sent", "250", "2.0.0 Ok: queued", None)


@pytest.mark.django_db
def test_an_answer_is_noted_though_the_mail_after_it_was_refused_before_its_body(alice: Tenant) -> None:
    first, second, third = claimed(alice, 3)
    answers = Answers()
    delivery.mark(first, answers=answers)
    answers.add(first, SENT)
    answers.add(second, Outcome(OutcomeKind.FAILED, "550", "No such user"))
    delivery.mark(third, answers=answers)
    assert _phases() == {first.pk: AttemptPhase.ANSWERED, second.pk: AttemptPhase.STARTED, third.pk: AttemptPhase.DATA}


@pytest.mark.django_db
def test_what_was_answered_ends_so_when_the_worker_is_lost(alice: Tenant) -> None:
    first, second, third = claimed(alice, 3)
    answers = Answers()
    for mail in (first, second):
        delivery.mark(mail, answers=answers)
        answers.add(mail, SENT)
    Attempt.objects.filter(finished_at=None).update(lease_until=clock.now())
    assert outcomes.take_back(limit=10, now=clock.now()) == 3
    told = dict(Attempt.objects.values_list("pk", "outcome"))
    assert (told[first.pk], told[second.pk], told[third.pk]) == ("sent", "unknown", "withdrawn")
    assert sorted(_statuses(first, second, third)) == ["queued", "sent", "unknown"]


@pytest.mark.django_db
def test_an_attempt_without_mark_is_unknown_when_the_server_crashed_after_it_began(alice: Tenant) -> None:
    before, after = claimed(alice, 2)
    Attempt.objects.filter(pk=before.pk).update(started_at=asked("SELECT pg_postmaster_start_time() - interval '1 s'"))
    Attempt.objects.filter(finished_at=None).update(lease_until=clock.now())
    outcomes.take_back(limit=10, now=clock.now())
    told = dict(Attempt.objects.values_list("pk", "code"))
    assert (told[before.pk], told[after.pk]) == ("mark_lost", "lease_over")
    assert _statuses(before) == ["unknown"]


@pytest.mark.django_db
def test_a_message_is_not_taken_back_once_the_mark_of_one_copy_was_lost(alice: Tenant) -> None:
    message = builders.submit(alice, to=("kim@friends.example", "lou@friends.example"))
    (begun,) = outbox.claim_due(limit=1, now=clock.now())
    since = asked("SELECT pg_postmaster_start_time() - interval '1 s'")
    Attempt.objects.filter(pk=begun.pk).update(started_at=since, lease_until=clock.now())
    outcomes.take_back(limit=10, now=clock.now())
    with pytest.raises(Conflict, match="already handed"):
        submission.cancel(alice.agent_actor, message.mailbox_id, message.pk, now=clock.now())


@pytest.mark.django_db
def test_a_worker_that_lives_tells_the_truth_after_a_crash_of_the_server(alice: Tenant) -> None:
    (mail,) = claimed(alice, 1)
    Attempt.objects.filter(pk=mail.pk).update(started_at=asked("SELECT pg_postmaster_start_time() - interval '1 s'"))
    outcomes.record(mail, SENT, now=clock.now())
    assert _statuses(mail) == ["sent"]


def _phases() -> dict[object, str]:
    return dict(Attempt.objects.filter(finished_at=None).values_list("pk", "phase"))


def _statuses(*mails: Mail) -> list[str]:
    recipients = [mail.recipient_id for mail in mails]
    return list(Message.objects.filter(recipients__in=recipients).values_list("status", flat=True))
