"""At its release an approved message is looked at once more: fresh it leaves, stale it waits for people again."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta

import pytest
from pytest_django import Settings

from config.invariants import check_all
from mailboxes import clock, mailbox, stops
from mailboxes.models import Event, Member
from mailboxes.modes import OversightMode
from messaging.models import Message, Recipient, Status, SuppressionReason
from messaging.outbound import outbox
from messaging.recipients import suppressions
from oversight import decisions, departures, judging, releases, submission
from oversight.models import Review, ReviewState
from oversight.policy.types import Outcome, Risk, Verdict
from tests import builders
from tests.api_client import Api
from tests.arrivals import arrive
from tests.builders import Tenant
from tests.letters import letter

from .people import approve, fresh, leaving

pytestmark = pytest.mark.django_db

World = Callable[[Tenant, Review], None]


@pytest.fixture
def alice() -> Tenant:
    return builders.tenant()


@pytest.fixture
def rhea(alice: Tenant) -> Member:
    return builders.member(alice.account, "rhea")


def broken() -> list[str]:
    return [result.invariant.id for result in check_all() if not result.holds]


def answered(alice: Tenant, review: Review) -> None:
    message_id = review.message.message_id
    arrive(alice.mailbox, letter(f"In-Reply-To: {message_id}", to=alice.mailbox.full_address, subject="Re: Hello"))


def suppressed(alice: Tenant, review: Review) -> None:
    suppressions.add(alice.account, "KIM+x@friends.example", reason=SuppressionReason.MANUAL, now=clock.now())


def stopped(alice: Tenant, review: Review) -> None:
    stops.stop(alice.owner, reason="test", now=clock.now())


def read_only(alice: Tenant, review: Review) -> None:
    mailbox.set_mode(alice.mailbox, OversightMode.READ_ONLY, by="test", now=clock.now())


def over_the_limit(alice: Tenant, review: Review) -> None:
    builders.submit(alice)
    builders.limit(alice.account, "daily_sends", 1)


STALE: list[tuple[World, str]] = [
    (answered, "stale_thread"),
    (suppressed, "suppressed_recipient"),
    (stopped, "stopped"),
    (read_only, "read_only"),
    (over_the_limit, "daily_limit"),
]


def test_nothing_is_due_before_it_was_looked_at_once_more(alice: Tenant, rhea: Member) -> None:
    review = builders.held(alice)
    approve(review, rhea)
    assert outbox.claim_due(limit=9, now=clock.now() + timedelta(days=1))[1:] == []  # but for the mail of the house
    assert Recipient.objects.get(message=review.message).next_at is None
    assert builders.release(after=timedelta()) == 0, "it can still be undone"
    assert builders.release() == 1
    assert fresh(review).released_at is not None
    assert builders.release() == 0
    assert leaving(review.message) == ["kim@friends.example"]
    assert broken() == []


def test_without_undo_it_is_due_at_once(alice: Tenant, rhea: Member, settings: Settings) -> None:
    settings.UNDO_SECONDS = 0
    review = builders.held(alice)
    approve(review, rhea)
    assert releases.release_due(now=clock.now()) == 1
    assert leaving(review.message) == ["kim@friends.example"]


@pytest.mark.parametrize(("world", "reason"), STALE, ids=[reason for _, reason in STALE])
def test_what_went_stale_meanwhile_waits_again_with_the_reason(
    world: World, reason: str, alice: Tenant, rhea: Member
) -> None:
    review = builders.held(alice)
    approve(review, rhea)
    world(alice, review)
    builders.release()
    now = fresh(review)
    assert (now.state, now.version, now.reason_code, now.release_at) == (ReviewState.OPEN, 3, reason, None)
    assert (now.message.status, now.message.reason_code) == (Status.HELD, reason)
    shown = Api(alice.key_text).get(f"/oversight/reviews/{review.pk}").json["review"]
    assert (shown["approvals"], shown["reason"]["code"]) == ([], reason)
    event = Event.objects.get(kind="review.reopened")
    assert json.loads(event.data)["reason"] == reason
    assert leaving(review.message) == []
    assert broken() == []


def test_a_stale_approval_is_worth_nothing_and_a_new_one_lets_it_leave(alice: Tenant, rhea: Member) -> None:
    review = builders.held(alice)
    approve(review, rhea)
    answered(alice, review)
    builders.release()
    approve(fresh(review), rhea, version=3)
    assert leaving(review.message) == ["kim@friends.example"]
    assert broken() == []


def test_mail_that_came_before_the_approval_is_no_news(alice: Tenant, rhea: Member) -> None:
    review = builders.held(alice)
    answered(alice, review)
    approve(review, rhea)
    assert leaving(review.message) == ["kim@friends.example"]


def test_mail_that_waits_to_be_shown_is_not_given_away(alice: Tenant, rhea: Member) -> None:
    """R27: the author would learn from the reason that something came."""
    mailbox.set_mode(alice.mailbox, OversightMode.GATED_ALL, by="test", now=clock.now())
    review = builders.held(alice)
    approve(review, rhea)
    answered(alice, review)
    assert leaving(review.message) == ["kim@friends.example"]


@pytest.mark.parametrize(
    ("people", "risk", "is_stale"),
    [(1, Risk.LOW, False), (2, Risk.LOW, True), (1, Risk.HIGH, True)],
    ids=["as before", "more people", "more risk"],
)
def test_rules_that_ask_for_more_by_then_are_obeyed(
    people: int, risk: Risk, is_stale: bool, alice: Tenant, rhea: Member, monkeypatch: pytest.MonkeyPatch
) -> None:
    review = builders.held(alice)
    approve(review, rhea)
    verdict = Verdict(Outcome.HOLD, "gated_send", "Waits.", (), people=people, risk=risk, lane="legal")
    monkeypatch.setattr(judging, "evaluate", lambda *_, **__: verdict)
    builders.release()
    now = fresh(review)
    assert (now.state == ReviewState.OPEN) is is_stale
    if is_stale:
        assert (now.reason_code, now.people_needed, now.risk, now.lane) == ("policy_stricter", people, risk, "legal")


def test_a_message_that_was_cancelled_or_whose_mailbox_is_gone_is_not_released(alice: Tenant, rhea: Member) -> None:
    first, second = builders.held(alice), builders.held(alice)
    for review in (first, second):
        approve(review, rhea)
    submission.cancel(alice.agent_actor, alice.mailbox.pk, first.message_id, now=clock.now())
    mailbox.delete(alice.mailbox, by="test", now=clock.now())
    assert builders.release() == 0
    assert departures.cancel_due(now=clock.now()) == 1
    assert Message.objects.get(pk=second.message_id).status == Status.CANCELLED
    assert broken() == []


def test_what_the_release_before_this_one_let_leave_is_not_looked_at_again(alice: Tenant, rhea: Member) -> None:
    review = builders.held(alice)
    approve(review, rhea)
    Recipient.objects.filter(message=review.message).update(next_at=clock.now())
    assert [one.recipient.message_id for one in outbox.claim_due(limit=9, now=clock.now())].count(review.message_id)
    suppressed(alice, review)
    assert builders.release() == 1
    assert (fresh(review).state, fresh(review).message.status) == (ReviewState.APPROVED, Status.SENDING)


def test_undo_works_until_a_worker_has_it_though_it_was_released(alice: Tenant, rhea: Member) -> None:
    review = builders.held(alice)
    approve(review, rhea)
    builders.release()
    decisions.undo(review, reviewer=builders.reviewer(rhea), now=clock.now())
    assert leaving(review.message) == []
    approve(fresh(review), rhea)
    assert leaving(review.message) == ["kim@friends.example"]
