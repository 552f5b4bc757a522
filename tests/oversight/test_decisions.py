"""Approve, reject, undo: one winner, exactly the sealed bytes, and a database that does not let it be otherwise."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import IntegrityError, ProgrammingError, connection, transaction

from mailboxes import clock
from mailboxes.errors import Conflict, Forbidden, Gone, NotFound
from mailboxes.models import Role
from mailboxes.modes import OversightMode
from mailboxes.principals import of_member
from messaging.models import Attempt, Message, Recipient, Revision, Status
from messaging.outbound import outbox
from oversight import decisions, reviews
from oversight.decisions import DecisionConflict
from oversight.models import Decision, Door, Review, ReviewState
from tests import builders

pytestmark = pytest.mark.django_db


def approve(review: Review, person: object = None, *, version: int | None = None, **more: object) -> Decision:
    reviewer = builders.reviewer(person or builders.member(review.account))  # type: ignore[arg-type]
    return decisions.approve(review, reviewer=reviewer, version=version, now=clock.now(), **more)  # type: ignore[arg-type]


def due(message: Message) -> list[Attempt]:
    """What a worker would claim once the undo window is over, and it was looked at once more."""
    builders.release()
    now = clock.now() + timedelta(minutes=5)
    return [one for one in outbox.claim_due(limit=100, now=now) if one.recipient.message_id == message.pk]


def test_an_approval_queues_the_message_after_the_undo_window() -> None:
    review = builders.held(builders.tenant())
    decision = approve(review, version=1, note="Fine.")
    review.refresh_from_db()
    recipient = Recipient.objects.select_related("message").get(message=review.message)
    assert (review.state, review.version, review.note) == (ReviewState.APPROVED, 2, "Fine.")
    assert recipient.message.status == Status.QUEUED
    assert recipient.message.needs_decision
    assert recipient.next_at is None
    assert decision.seal == Revision.objects.get(message=review.message).seal
    assert len(due(recipient.message)) == 1


def test_a_second_decision_is_told_who_was_first() -> None:
    review = builders.held(builders.tenant())
    rhea = builders.member(review.account, "rhea")
    approve(review, rhea, version=1)
    with pytest.raises(DecisionConflict) as conflict:
        approve(review, version=1)
    assert conflict.value.code == "already_decided"
    assert conflict.value.review.decided_by.startswith("rhea")


def test_a_decision_on_a_stale_version_is_refused() -> None:
    review = builders.held(builders.tenant())
    rhea = builders.member(review.account)
    approve(review, rhea)
    decisions.undo(review, reviewer=builders.reviewer(rhea), now=clock.now())
    with pytest.raises(DecisionConflict) as conflict:
        approve(review, rhea, version=1)
    assert conflict.value.code == "stale_version"
    assert conflict.value.review.version == 3


def test_undo_lets_the_message_wait_again() -> None:
    review = builders.held(builders.tenant())
    rhea = builders.member(review.account)
    approve(review, rhea)
    decisions.undo(review, reviewer=builders.reviewer(rhea), now=clock.now())
    review.refresh_from_db()
    message = Message.objects.get(pk=review.message_id)
    assert (review.state, message.status) == (ReviewState.OPEN, Status.HELD)
    assert due(message) == []


def test_undo_is_too_late_once_a_worker_has_claimed() -> None:
    review = builders.held(builders.tenant())
    rhea = builders.member(review.account)
    approve(review, rhea)
    assert len(due(review.message)) == 1
    with pytest.raises(Conflict) as conflict:
        decisions.undo(review, reviewer=builders.reviewer(rhea), now=clock.now())
    assert conflict.value.code == "already_sending"


def test_a_rejection_is_final_and_needs_a_reason() -> None:
    review = builders.held(builders.tenant())
    rhea = builders.reviewer(builders.member(review.account))
    with pytest.raises(Exception, match="needs a reason"):
        decisions.reject(review, reviewer=rhea, version=1, reason="", now=clock.now())
    decisions.reject(review, reviewer=rhea, version=1, reason="tone", now=clock.now())
    message = Message.objects.get(pk=review.message_id)
    assert (message.status, message.reason_code) == (Status.REJECTED, "rejected")
    assert due(message) == []


def test_an_expired_review_never_sends() -> None:
    review = builders.held(builders.tenant())
    later = clock.now() + timedelta(days=8)
    rhea = builders.reviewer(builders.member(review.account))
    with pytest.raises(Gone):
        decisions.approve(review, reviewer=rhea, version=1, now=later)
    assert reviews.expire_due(now=later) == 1
    message = Message.objects.get(pk=review.message_id)
    assert (message.status, due(message)) == (Status.EXPIRED, [])
    with pytest.raises(Gone):
        decisions.approve(review, reviewer=rhea, version=None, now=clock.now())


def test_the_authors_key_never_decides() -> None:
    alice = builders.tenant()
    review = builders.held(alice)
    with pytest.raises(Forbidden) as refusal:
        decisions.approve(review, reviewer=decisions.Reviewer(alice.agent_actor, Door.API), version=1, now=clock.now())
    assert refusal.value.code == "own_message"


def test_a_viewer_and_a_password_known_to_an_agent_do_not_decide() -> None:
    alice = builders.tenant(is_verified=True)
    review = builders.held(alice)
    with pytest.raises(Forbidden) as refusal:
        approve(review, builders.member(alice.account, "vera", Role.VIEWER))
    assert refusal.value.code == "may_not_decide"
    alice.owner.user.password_set_at = None
    with pytest.raises(Forbidden) as refusal:
        approve(review, alice.owner)
    assert refusal.value.code == "password_not_proven"


def test_a_stranger_sees_no_review() -> None:
    review = builders.held(builders.tenant())
    charlie = builders.tenant("charlie")
    with pytest.raises(NotFound):
        reviews.get(charlie.owner_actor, review.pk)
    with pytest.raises(NotFound):
        approve(review, charlie.owner)


def test_changed_bytes_are_not_the_approved_ones() -> None:
    review = builders.held(builders.tenant())
    Recipient.objects.filter(message=review.message).update(address="victim@bank.example")
    with pytest.raises(Conflict) as conflict:
        approve(review)
    assert conflict.value.code == "seal_differs"
    assert not Decision.objects.filter(review=review).exists()


class TestTheDatabaseRefuses:
    """Buggy Python can't send: raw SQL past every verb meets these walls."""

    def test_an_attempt_on_a_held_message(self) -> None:
        review = builders.held(builders.tenant())
        recipient = Recipient.objects.get(message=review.message)
        now = clock.now()
        with pytest.raises(IntegrityError, match="no human has approved"), transaction.atomic():
            Attempt.objects.create(recipient=recipient, number=1, version=1, started_at=now, lease_until=now)

    def test_an_attempt_after_an_undo(self) -> None:
        review = builders.held(builders.tenant())
        rhea = builders.member(review.account)
        approve(review, rhea)
        decisions.undo(review, reviewer=builders.reviewer(rhea), now=clock.now())
        recipient, now = Recipient.objects.get(message=review.message), clock.now()
        with pytest.raises(IntegrityError, match="no human has approved"), transaction.atomic():
            Attempt.objects.create(recipient=recipient, number=1, version=1, started_at=now, lease_until=now)

    @pytest.mark.parametrize(
        "statement",
        [
            "UPDATE messaging_message SET needs_decision = false",
            "UPDATE messaging_message SET status = 'accepted'",
            "UPDATE messaging_message SET needs_decision = false, status = 'queued'",
        ],
    )
    def test_opening_the_gate_after_the_fact(self, statement: str) -> None:
        builders.held(builders.tenant())
        with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement + " WHERE status = 'held'")

    def test_a_changed_version_once_the_message_has_left_the_queue_of_people(self) -> None:
        message = builders.submit(builders.tenant(mode=OversightMode.AUTONOMOUS))
        with pytest.raises(IntegrityError, match="only while the message is held"), transaction.atomic():
            Message.objects.filter(pk=message.pk).update(current_version=2)

    @pytest.mark.parametrize("table", ["oversight_decision", "messaging_revision"])
    @pytest.mark.parametrize("statement", ["DELETE FROM {}", "UPDATE {} SET version = 9", "TRUNCATE {} CASCADE"])
    def test_rewriting_decisions_and_sealed_bytes(self, table: str, statement: str) -> None:
        approve(builders.held(builders.tenant()))
        with pytest.raises(ProgrammingError), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement.format(table))


def test_a_decider_at_the_api_is_a_member_with_a_decide_key() -> None:
    review = builders.held(builders.tenant())
    rhea = builders.member(review.account)
    decision = approve(review, rhea)
    assert decision.member_id == rhea.pk
    assert of_member(rhea).identity == f"member:{rhea.pk}"
