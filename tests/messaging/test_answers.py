"""Answers of a batch: written soon, written once, and never lost because of a connection or of a neighbor."""

from __future__ import annotations

import pytest
from django.db import connection

from mailboxes import clock
from mailboxes.models import Event
from messaging.models import Attempt, Message, Status
from messaging.outbound import delivery, dispatch, outbox, outcomes
from messaging.outbound.answers import Answers
from messaging.outbound.mail import Mail
from messaging.outbound.outcomes import Outcome, OutcomeKind
from tests import builders
from tests.builders import Tenant
from tests.fakes.sink import Mood, Sink
from tests.messaging.outbound import alice as alice
from tests.messaging.outbound import recipient_of
from tests.messaging.outbound import relay as relay
from tests.messaging.test_marks import SENT, claimed


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("patience", "transactions"), [(3600, 1), (0, 5)])
def test_a_batch_is_written_in_one_transaction_unless_somebody_has_to_wait(
    alice: Tenant, relay: Sink, monkeypatch: pytest.MonkeyPatch, patience: float, transactions: int
) -> None:
    monkeypatch.setattr("messaging.outbound.answers.PATIENCE", patience)
    messages = [builders.submit(alice) for _ in range(5)]
    dispatch.drain()
    assert relay.copies() == {message.message_id: 1 for message in messages}
    subjects = [str(message.pk) for message in messages]
    told = Event.objects.filter(account=alice.account, kind="message.sent", subject__in=subjects)
    assert told.count() == 5
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(DISTINCT xmin::text) FROM mailboxes_event WHERE id = ANY(%s)",
            [list(told.values_list("pk", flat=True))],
        )
        assert cursor.fetchone() == (transactions,)


@pytest.mark.django_db(transaction=True)
def test_an_answer_survives_a_lost_connection(alice: Tenant) -> None:
    mails = claimed(alice, 2)
    answers = Answers()
    for mail in mails:
        delivery.mark(mail, answers=answers)
        answers.add(mail, SENT)
    _cut_our_connection()
    answers.write()
    assert list(Message.objects.values_list("status", flat=True).filter(account=alice.account)) == ["sent"] * 2
    assert Event.objects.filter(account=alice.account, kind="message.sent").count() == 2


@pytest.mark.django_db(transaction=True)
def test_an_answer_is_kept_until_the_database_is_back(alice: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    (mail,) = claimed(alice, 1)
    answers = Answers()
    delivery.mark(mail, answers=answers)
    answers.add(mail, SENT)
    host, write = connection.settings_dict["HOST"], Answers._write_at_once
    tries: list[Answers] = []

    def back_at_the_third(answers: Answers) -> None:
        tries.append(answers)
        if len(tries) == 3:
            connection.settings_dict["HOST"] = host
        write(answers)

    connection.close()
    monkeypatch.setitem(connection.settings_dict, "HOST", "/nowhere")
    monkeypatch.setattr(Answers, "_write_at_once", back_at_the_third)
    answers.write()
    assert len(tries) == 3
    assert Message.objects.get(recipients=mail.recipient_id).status == Status.SENT


@pytest.mark.django_db(transaction=True)
def test_nothing_leaves_and_all_is_due_again_when_the_database_is_lost_at_a_mark(
    alice: Tenant, relay: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    messages = [builders.submit(alice) for _ in range(4)]
    mark = delivery.mark
    begun: list[object] = []

    def cut_at_the_second(mail: Mail, *, answers: Answers | None = None) -> None:
        begun.append(mail)
        if len(begun) == 2:
            _cut_our_connection()
        mark(mail, answers=answers)

    with monkeypatch.context() as patch:
        patch.setattr(delivery, "mark", cut_at_the_second)
        claimed = outbox.claim_due(limit=20, now=clock.now())
        assert dispatch._attempt_all(claimed) == 2
    assert len(relay.taken) == 1
    assert sorted(Message.objects.filter(account=alice.account).values_list("status", flat=True)) == [
        *["queued"] * 3,
        "sent",
    ]
    dispatch.drain()
    assert relay.copies() == {message.message_id: 1 for message in messages}


@pytest.mark.django_db
def test_one_answer_that_cannot_be_written_does_not_cost_the_others(alice: Tenant) -> None:
    good, bad, fine = claimed(alice, 3)
    answers = Answers()
    # The database wants to know why somebody has to wait.
    for mail, outcome in ((good, SENT), (bad, Outcome(OutcomeKind.DEFERRED, "", "")), (fine, SENT)):
        delivery.mark(mail, answers=answers)
        answers.add(mail, outcome)
    answers.write()
    assert _states(good, bad, fine) == [Status.SENT, Status.SENDING, Status.SENT]
    Attempt.objects.filter(pk=bad.pk).update(lease_until=clock.now())
    assert outcomes.take_back(limit=10, now=clock.now()) == 1
    assert _states(bad) == [Status.UNKNOWN]


@pytest.mark.django_db
def test_every_mail_of_a_batch_has_its_own_outcome(alice: Tenant, relay: Sink) -> None:
    moods = {"lee": Mood.REFUSE_AT_RCPT, "max": Mood.DEFER_AFTER_DOT, "ned": Mood.DROP_AFTER_DOT, "kim": Mood.ACCEPT}
    messages = {}
    for name, mood in moods.items():
        relay.moods[f"{name}@friends.example"] = mood
        messages[name] = builders.submit(alice, to=(f"{name}@friends.example",))
    dispatch.drain()
    states = {name: recipient_of(one, f"{name}@friends.example").state for name, one in messages.items()}
    assert states == {"lee": "failed", "max": "deferred", "ned": "unknown", "kim": "sent"}


def _states(*mails: Mail) -> list[str]:
    return [Message.objects.get(recipients=mail.recipient_id).status for mail in mails]


def _cut_our_connection() -> None:
    """As a crash of the server does, or a failing network."""
    pid = connection.connection.info.backend_pid
    other = connection.copy()
    with other.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s, 60000)", [pid])  # returns when it has gone
        assert cursor.fetchone() == (True,)
    other.close()
