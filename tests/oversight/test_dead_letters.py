"""Sends whose last retry is spent: listed with the last answer, tried again or dropped by a person."""

from __future__ import annotations

from datetime import timedelta

import pytest

from mailboxes import clock
from mailboxes.models import Event
from mailboxes.modes import OversightMode
from messaging.models import Attempt, DeadLetter, Message, Recipient, Status
from messaging.outbound import backoff, outbox, outcomes
from messaging.outbound.outcomes import Outcome, OutcomeKind
from messaging.recipients import suppressions
from oversight.models import Review
from tests import builders
from tests.api_client import Answer, Api
from tests.builders import Tenant
from tests.conftest import Clock

pytestmark = pytest.mark.django_db


def person(owner: Tenant) -> Api:
    return Api(builders.decide_key(builders.member(owner.account)))


def act(api: Api, letter: DeadLetter, verb: str, **body: object) -> Answer:
    return api.post(f"/oversight/dead-letters/{letter.pk}/{verb}", body)


def claim(message_id: object) -> Attempt:
    [attempt] = [one for one in outbox.claim_due(limit=100, now=clock.now()) if one.recipient.message_id == message_id]
    return attempt


def test_what_was_given_up_is_listed_with_the_last_answer() -> None:
    alice = builders.tenant()
    letter = builders.dead_letter(alice)
    for api in (person(alice), Api(alice.key_text)):
        [shown] = api.get("/oversight/dead-letters").json["deadLetters"]
        assert (shown["id"], shown["recipient"], shown["cause"]) == (str(letter.pk), "kim@friends.example", "gave_up")
        assert (shown["code"], shown["text"], shown["attempts"]) == ("451", "Come back later.", 2)
    assert Message.objects.get(pk=letter.message_id).status == Status.FAILED


def test_a_requeued_send_leaves_with_a_fresh_round_of_attempts(clock: Clock) -> None:
    alice = builders.tenant()
    letter = builders.dead_letter(alice)
    told = act(person(alice), letter, "requeue", note="The server is back.")
    assert (told.status, told.json["deadLetter"]["end"]) == (200, "requeued")
    message = Message.objects.get(pk=letter.message_id)
    assert message.status == Status.QUEUED
    attempt = claim(message.pk)
    assert attempt.number == 3
    now = clock.now() + timedelta(days=1)
    outcomes.record(attempt, Outcome(OutcomeKind.DEFERRED, "451", "Not yet."), now=now)
    recipient = Recipient.objects.get(message=message)
    assert recipient.state == "deferred"
    assert recipient.next_at is not None
    # The pause of a first attempt, not of a third one.
    assert recipient.next_at - now <= backoff.FIRST_PAUSE * (1 + backoff.JITTER)
    assert not DeadLetter.objects.filter(ended_at__isnull=True).exists()


def test_a_send_that_dies_again_is_a_second_letter(clock: Clock) -> None:
    alice = builders.tenant()
    letter = builders.dead_letter(alice)
    act(person(alice), letter, "requeue")
    attempt = claim(letter.message_id)
    outcomes.record(attempt, Outcome(OutcomeKind.DEFERRED, "451", "No."), now=clock.now())
    Recipient.objects.filter(message=letter.message_id).update(next_at=clock.now())
    attempt = claim(letter.message_id)
    outcomes.record(attempt, Outcome(OutcomeKind.DEFERRED, "452", "Never."), now=clock.now() + timedelta(days=6))
    second = DeadLetter.objects.get(ended_at__isnull=True)
    assert (second.code, second.text) == ("452", "Never.")
    assert DeadLetter.objects.count() == 2
    assert Recipient.objects.get(message=letter.message_id).text.startswith("Given up after 2 attempts.")


def test_a_dropped_letter_stays_failed_and_is_no_longer_listed() -> None:
    alice = builders.tenant()
    letter, rhea = builders.dead_letter(alice), person(alice)
    assert act(rhea, letter, "drop").json["deadLetter"]["end"] == "dropped"
    assert rhea.get("/oversight/dead-letters").json["deadLetters"] == []
    assert Message.objects.get(pk=letter.message_id).status == Status.FAILED
    again = act(rhea, letter, "requeue")
    assert (again.status, again.code) == (409, "letter_over")


def test_the_agent_hears_of_it_and_the_timeline_tells_it() -> None:
    alice = builders.tenant()
    letter = builders.dead_letter(alice)
    act(person(alice), letter, "requeue")
    kinds = Event.objects.filter(subject=str(letter.message_id)).order_by("seq").values_list("kind", flat=True)
    assert list(kinds)[-2:] == ["message.failed", "message.requeued"]
    agent = Api(alice.key_text)
    told = agent.get("/events/log", limit=100, types="message.requeued").json["events"]
    [event] = [one for one in told if one["event"] == "message.requeued"]
    assert event["data"]["recipient_id"] == str(letter.recipient_id)
    way = agent.get(f"/mailboxes/{alice.mailbox.pk}/messages/{letter.message_id}/timeline").json["timeline"]
    assert "A person has it tried again for kim@friends.example" in [step["text"] for step in way]


def test_a_suppressed_recipient_is_not_tried_again() -> None:
    alice = builders.tenant()
    letter = builders.dead_letter(alice)
    suppressions.add_by_hand(alice.agent_actor, "kim@friends.example", now=clock.now())
    refused = act(person(alice), letter, "requeue")
    assert (refused.status, refused.code) == (409, "suppressed")
    assert Recipient.objects.get(pk=letter.recipient_id).next_at is None


def test_an_approval_that_is_older_than_a_review_may_be_sends_nothing(clock: Clock) -> None:
    alice = builders.tenant()
    letter = builders.dead_letter(alice)
    clock.advance(seconds=24 * 3600)
    assert act(person(alice), letter, "requeue").code == "approval_expired"
    assert act(person(alice), letter, "drop").status == 200


def test_what_nobody_has_approved_is_not_sent_by_a_requeue() -> None:
    alice = builders.tenant()
    review = builders.held(alice)
    recipient = Recipient.objects.get(message=review.message_id)
    # Whoever broke into the application: due without a decision. The database's guard sets it aside.
    Message.objects.filter(pk=review.message_id).update(status=Status.QUEUED)
    Recipient.objects.filter(pk=recipient.pk).update(next_at=clock.now())
    outbox.claim_due(limit=100, now=clock.now())
    letter = DeadLetter.objects.get()
    assert letter.cause == "attempt_refused"
    assert "no human has approved" in letter.text
    rhea = person(alice)
    assert act(rhea, letter, "requeue").code == "not_approved"
    assert not Attempt.objects.filter(recipient=recipient).exists()
    assert act(rhea, letter, "drop").status == 200
    recipient.refresh_from_db()
    assert (recipient.state, recipient.code, recipient.next_at) == ("failed", "dropped", None)


def test_a_key_that_sends_takes_up_and_drops_nothing() -> None:
    alice = builders.tenant()
    letter = builders.dead_letter(alice)
    for verb in ("requeue", "drop"):
        assert act(Api(alice.key_text), letter, verb).code == "may_not_decide"


def test_only_the_recipient_that_failed_for_it_is_tried_again() -> None:
    alice = builders.tenant(mode=OversightMode.AUTONOMOUS)
    message = builders.submit(alice, to=("kim@friends.example", "lee@friends.example"))
    at = clock.now()
    for attempt in [one for one in outbox.claim_due(limit=100, now=at) if one.recipient.message_id == message.pk]:
        is_kim = attempt.recipient.address.startswith("kim")
        kind, code = (OutcomeKind.DEFERRED, "451") if is_kim else (OutcomeKind.FAILED, "550")
        outcomes.record(attempt, Outcome(kind, code, "No."), now=at)
    attempts = outbox.claim_due(limit=100, now=at + timedelta(days=6))
    outcomes.record(attempts[0], Outcome(OutcomeKind.DEFERRED, "451", "No."), now=at + timedelta(days=6))
    letter = DeadLetter.objects.get()
    act(person(alice), letter, "requeue")
    states = dict(Recipient.objects.filter(message=message).values_list("address", "state"))
    assert states == {"kim@friends.example": "waiting", "lee@friends.example": "failed"}
    assert not Review.objects.exists()
