"""Several people by rule: different ones, of the same bytes; an edit or an undo begins anew; high risk wants proof."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from django.conf import settings
from django.db import Error, transaction

from mailboxes import clock
from mailboxes.errors import Forbidden
from mailboxes.models import Event, Member
from messaging.models import Attempt, Message, Recipient, Status
from oversight import decisions
from oversight.decisions import DecisionConflict
from oversight.models import ReviewState
from oversight.policy.types import Risk
from tests import builders
from tests.api_client import Api
from tests.builders import Tenant

from .people import approve, asking, edit, fresh, leaving

pytestmark = pytest.mark.django_db


@pytest.fixture
def alice() -> Tenant:
    return builders.tenant()


@pytest.fixture
def rhea(alice: Tenant) -> Member:
    return builders.member(alice.account, "rhea")


@pytest.fixture
def bob(alice: Tenant) -> Member:
    return builders.member(alice.account, "bob")


def test_one_yes_of_two_leaves_it_open_and_tells_who_gave_it(alice: Tenant, rhea: Member) -> None:
    review = asking(alice, people=2)
    approve(review, rhea, version=1)
    shown = Api(alice.key_text).get(f"/oversight/reviews/{review.pk}").json["review"]
    assert (shown["state"], shown["version"], shown["peopleNeeded"]) == ("open", 2, 2)
    assert [one["by"] for one in shown["approvals"]] == [rhea.user.name or rhea.user.email]
    assert Message.objects.get(pk=review.message_id).status == Status.HELD
    assert leaving(review.message) == []
    told = Event.objects.filter(subject=str(review.pk)).order_by("seq").values_list("kind", flat=True)
    assert list(told) == ["review.opened", "review.approved_by_one"]


def test_the_second_person_lets_it_leave(alice: Tenant, rhea: Member, bob: Member) -> None:
    review = asking(alice, people=2)
    approve(review, rhea)
    approve(review, bob)
    assert fresh(review).state == ReviewState.APPROVED
    assert leaving(review.message) == ["kim@friends.example"]


def test_the_same_person_does_not_count_twice(alice: Tenant, rhea: Member) -> None:
    review = asking(alice, people=2)
    approve(review, rhea)
    with pytest.raises(DecisionConflict) as conflict:
        approve(review, rhea)
    assert conflict.value.code == "already_approved"
    api = Api(builders.decide_key(rhea))
    shown = api.get(f"/oversight/reviews/{review.pk}").json["review"]
    assert shown["allowedActions"] == ["reject", "edit", "request_changes"]
    answer = api.post(f"/oversight/reviews/{review.pk}/approve")
    assert (answer.status, answer.code) == (409, "already_approved")


def test_an_edit_voids_what_was_approved_and_the_editor_may_approve(alice: Tenant, rhea: Member, bob: Member) -> None:
    review = asking(alice, people=2)
    approve(review, rhea)
    edit(review, bob, subject="Hello again")
    shown = Api(alice.key_text).get(f"/oversight/reviews/{review.pk}").json["review"]
    assert (shown["approvals"], shown["version"]) == ([], 3)
    approve(review, bob)
    assert fresh(review).state == ReviewState.OPEN
    approve(review, rhea)
    assert fresh(review).state == ReviewState.APPROVED
    assert leaving(review.message) == ["kim@friends.example"]


def test_an_undo_voids_what_all_approved(alice: Tenant, rhea: Member, bob: Member) -> None:
    review = asking(alice, people=2)
    approve(review, rhea)
    approve(review, bob)
    decisions.undo(review, reviewer=builders.reviewer(bob), now=clock.now())
    approve(review, bob)
    assert fresh(review).state == ReviewState.OPEN
    assert leaving(review.message) == []


def test_a_review_that_says_approved_is_not_enough_for_the_database(alice: Tenant, rhea: Member) -> None:
    """A63: rows changed past the verbs."""
    review = asking(alice, people=2)
    approve(review, rhea)
    recipient = Recipient.objects.get(message=review.message)
    now = clock.now()
    type(review).objects.filter(pk=review.pk).update(state="approved", decided_at=now, released_at=now)
    with pytest.raises(Error, match="not enough of them"), transaction.atomic():
        Attempt.objects.create(recipient=recipient, number=1, version=1, started_at=now, lease_until=now)
    type(review).objects.filter(pk=review.pk).update(people_needed=1)
    Attempt.objects.create(recipient=recipient, number=1, version=1, started_at=now, lease_until=now)


def test_high_risk_wants_a_second_step_that_is_recent(alice: Tenant, rhea: Member) -> None:
    review = asking(alice, risk=Risk.HIGH)
    now = clock.now()
    old = now - timedelta(minutes=settings.SECOND_STEP_MINUTES, seconds=1)
    for proven_at in (None, old, now + timedelta(minutes=1)):
        reviewer = replace(builders.reviewer(rhea), second_step_at=proven_at)
        with pytest.raises(Forbidden) as refusal:
            decisions.approve(review, reviewer=reviewer, version=1, now=now)
        assert refusal.value.code == "second_step_required"
    reviewer = replace(builders.reviewer(rhea), second_step_at=now - timedelta(minutes=1))
    decisions.approve(review, reviewer=reviewer, version=1, now=now)
    assert fresh(review).state == ReviewState.APPROVED


def test_a_decide_key_alone_never_approves_high_risk_and_rejects_it_all_the_same(alice: Tenant, rhea: Member) -> None:
    review = asking(alice, risk=Risk.HIGH)
    api = Api(builders.decide_key(rhea))
    answer = api.post(f"/oversight/reviews/{review.pk}/approve", {"version": 1})
    assert (answer.status, answer.code) == (403, "second_step_required")
    assert api.post(f"/oversight/reviews/{review.pk}/reject", {"reason": "tone"}).status == 200
