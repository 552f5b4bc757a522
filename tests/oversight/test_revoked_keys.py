"""What a revoked key has queued: held again, cancelled or kept, and never where bytes may have left."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from config.invariants import deciding
from mailboxes import clock, keys
from mailboxes.models import ApiKey, Event
from mailboxes.modes import OversightMode
from messaging import lifecycle
from messaging.models import Attempt, Message, Recipient, RecipientState, Status
from messaging.outbound import outbox
from oversight import decisions, revoked_keys, submission, timeline
from oversight.decisions import DecisionConflict
from oversight.models import Review, ReviewState, RevokedKey
from tests import builders
from tests.builders import Tenant
from tests.oversight.console import seat, text_of

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def alice() -> Tenant:
    return builders.tenant(mode=OversightMode.AUTONOMOUS)


def spare(owner: Tenant) -> tuple[ApiKey, str]:
    return keys.create_agent_key(owner.agent, name="leaked", now=clock.now())


def send(owner: Tenant, text: str, **fields: Any) -> Message:
    actor = keys.authenticate(text, now=clock.now())
    return submission.submit(builders.draft(owner.mailbox, **fields), actor=actor, now=clock.now())


def revoke(key: ApiKey) -> None:
    keys.revoke_now(key, by="test", now=clock.now())


def settle(*, later: timedelta = timedelta()) -> int:
    return revoked_keys.settle(now=clock.now() + later)


def state_of(message: Message) -> str:
    return Message.objects.values_list("status", flat=True).get(pk=message.pk)


def due(message: Message) -> list[datetime | None]:
    return list(Recipient.objects.filter(message=message).values_list("next_at", flat=True))


def nothing_is_broken() -> bool:
    with connection.cursor() as cursor:
        for invariant in deciding.INVARIANTS:
            cursor.execute(invariant.query)
            assert cursor.fetchall() == [], invariant
    return True


def test_queued_mail_of_a_revoked_key_waits_for_people(alice: Tenant) -> None:
    """A19."""
    key, text = spare(alice)
    message, other = send(alice, text, to=("kim@friends.example", "lee@friends.example")), builders.submit(alice)
    revoke(key)
    assert settle() == 1
    message.refresh_from_db()
    assert (message.status, message.reason_code) == (Status.HELD, "key_revoked")
    assert due(message) == [None, None]
    review = Review.objects.get(message=message)
    assert (review.state, review.reason_code) == (ReviewState.OPEN, "key_revoked")
    assert state_of(other) == Status.QUEUED, "another key's mail is none of its business"
    outbox.claim_due(limit=10, now=clock.now())
    assert Attempt.objects.filter(recipient__message=other).exists()
    assert not Attempt.objects.filter(recipient__message=message).exists()
    assert Event.objects.filter(kind="message.held", subject=str(message.pk)).count() == 1
    assert nothing_is_broken()


def test_a_person_lets_it_leave_after_all(alice: Tenant) -> None:
    rhea = builders.member(alice.account)
    key, text = spare(alice)
    message = send(alice, text)
    revoke(key)
    settle()
    review = Review.objects.get(message=message)
    decisions.approve(review, reviewer=builders.reviewer(rhea), version=1, now=clock.now())
    assert state_of(message) == Status.QUEUED


def test_what_was_approved_and_has_not_left_needs_a_new_approval() -> None:
    alice = builders.tenant()
    rhea = builders.member(alice.account)
    key, text = spare(alice)
    message = send(alice, text)
    review = Review.objects.get(message=message)
    decisions.approve(review, reviewer=builders.reviewer(rhea), version=1, now=clock.now())
    Review.objects.filter(pk=review.pk).update(lane="finance", risk="high", people_needed=2)
    revoke(key)
    assert settle() == 1
    old, new = Review.objects.filter(message=message).order_by("opened_at")
    assert (old.state, new.state) == (ReviewState.CANCELLED, ReviewState.OPEN)
    assert (new.lane, new.risk, new.people_needed) == ("finance", "high", 2)
    assert state_of(message) == Status.HELD
    with pytest.raises(DecisionConflict):
        decisions.undo(old, reviewer=builders.reviewer(rhea), now=clock.now())
    assert nothing_is_broken()


@pytest.mark.parametrize(("setting", "state"), [("cancel", Status.CANCELLED), ("keep", Status.QUEUED)])
def test_the_operator_may_have_it_cancelled_or_kept(
    setting: str, state: Status, alice: Tenant, settings: Settings
) -> None:
    settings.REVOKED_KEY_MAIL = setting
    key, text = spare(alice)
    message = send(alice, text)
    revoke(key)
    settle()
    assert state_of(message) == state
    assert (due(message) == [None]) == (state == Status.CANCELLED)


@pytest.mark.parametrize("setting", ["hold", "cancel", "keep"])
def test_held_mail_of_it_stays_where_it_is_and_the_review_tells_of_the_key(setting: str, settings: Settings) -> None:
    settings.REVOKED_KEY_MAIL = setting
    alice = builders.tenant()
    rhea = builders.member(alice.account)
    key, text = spare(alice)
    message = send(alice, text)
    revoke(key)
    assert settle() == 0
    review = Review.objects.get(message=message)
    assert (review.state, review.version, state_of(message)) == (ReviewState.OPEN, 1, Status.HELD)
    page = text_of(seat(rhea).get(f"/review/{review.pk}/"))
    assert "revoked" in page
    assert "The key that asked for it was revoked" in page
    told = timeline.of(
        Message.objects.select_related("agent", "key", "member__user").get(pk=message.pk), actor=alice.agent_actor
    )
    assert [step.data["keyPrefix"] for step in told.steps if step.kind == timeline.Kind.KEY] == [key.prefix]


@pytest.mark.parametrize("setting", ["hold", "cancel"])
def test_what_a_worker_holds_or_may_have_sent_goes_its_way(setting: str, alice: Tenant, settings: Settings) -> None:
    settings.REVOKED_KEY_MAIL = setting
    key, text = spare(alice)
    claimed = send(alice, text)
    begun = send(alice, text, to=("kim@friends.example", "lee@friends.example"))
    outbox.claim_due(limit=10, now=clock.now())
    one, other = Attempt.objects.filter(recipient__message=begun)
    ended = {"phase": "finished", "finished_at": clock.now(), "data_at": clock.now()}
    Attempt.objects.filter(pk=one.pk).update(**ended, outcome="unknown")
    Recipient.objects.filter(pk=one.recipient_id).update(state=RecipientState.UNKNOWN)
    Attempt.objects.filter(pk=other.pk).update(**ended | {"data_at": None}, outcome="deferred")
    later = {"state": RecipientState.DEFERRED, "next_at": clock.now(), "code": "451", "text": "later"}
    Recipient.objects.filter(pk=other.recipient_id).update(**later)
    lifecycle.fold([begun.pk], now=clock.now())
    assert state_of(begun) == Status.QUEUED
    before = (state_of(claimed), state_of(begun), due(begun))
    revoke(key)
    assert settle() == 0
    assert (state_of(claimed), state_of(begun), due(begun)) == before
    assert not Review.objects.filter(message__in=[claimed, begun]).exists()


def test_mail_that_was_put_off_without_a_byte_is_taken_back_too(alice: Tenant) -> None:
    """A19: what a key has lying for later does not outlive it, however far away its time is."""
    key, text = spare(alice)
    message = send(alice, text)
    later = clock.now() + timedelta(days=30)
    Recipient.objects.filter(message=message).update(
        state=RecipientState.DEFERRED, next_at=later, code="451", text="later"
    )
    revoke(key)
    assert settle() == 1
    assert (state_of(message), due(message)) == (Status.HELD, [None])


def test_a_send_that_was_under_way_is_found_by_a_later_look(alice: Tenant) -> None:
    key, text = spare(alice)
    actor = keys.authenticate(text, now=clock.now())
    revoke(key)
    settle()
    ApiKey.objects.filter(pk=key.pk).update(revoked_at=None)  # as the send saw it, a moment before
    message = submission.submit(builders.draft(alice.mailbox), actor=actor, now=clock.now())
    ApiKey.objects.filter(pk=key.pk).update(revoked_at=clock.now())
    assert settle() == 1
    assert state_of(message) == Status.HELD


def test_a_key_is_looked_after_for_a_minute_and_then_forgotten(alice: Tenant) -> None:
    key, _ = spare(alice)
    revoke(key)
    settle()
    assert RevokedKey.objects.filter(key=key).exists()
    settle(later=timedelta(seconds=61))
    assert not RevokedKey.objects.filter(key=key).exists()


def test_a_revocation_that_is_rolled_back_leaves_nothing_to_look_after(alice: Tenant) -> None:
    key, _ = spare(alice)
    with transaction.atomic():
        revoke(key)
        transaction.set_rollback(True)
    assert not RevokedKey.objects.exists()


def test_mail_of_an_expired_or_rotated_key_leaves_as_it_was_to(alice: Tenant) -> None:
    key, text = spare(alice)
    message = send(alice, text)
    ApiKey.objects.filter(pk=key.pk).update(expires_at=clock.now())
    settle()
    assert state_of(message) == Status.QUEUED


def test_what_is_queued_is_found_by_few_statements_however_much_it_is(alice: Tenant) -> None:
    key, text = spare(alice)
    for _ in range(3):
        send(alice, text)
    revoke(key)
    with CaptureQueriesContext(connection) as few:
        assert list(revoked_keys._waiting(key))
    assert len(few) == 1


def test_the_sweep_takes_so_many_at_once_and_comes_again(alice: Tenant) -> None:
    key, text = spare(alice)
    messages = [send(alice, text) for _ in range(5)]
    revoke(key)
    assert [revoked_keys.settle(now=clock.now(), limit=2) for _ in range(4)] == [2, 2, 1, 0]
    assert {state_of(message) for message in messages} == {Status.HELD}
