"""R8, R25, A10, A11, A12: whatever an agent or an operator does, held mail leaves by people's decisions alone."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import zeal
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mailboxes import clock, keys, mailbox, stops
from mailboxes.errors import Problem
from mailboxes.models import Mailbox
from mailboxes.modes import OversightMode
from messaging.models import Message, Status
from oversight import decisions, releases, returns, reviews, submission
from oversight.models import Review, ReviewState
from tests import builders
from tests.api_client import Api
from tests.builders import Tenant
from tests.oversight.sends import MAIL

from .people import approve, edit, fresh, give_back, leaving

pytestmark = pytest.mark.django_db

Act = Callable[[Tenant, Review], object]


def _mode(mode: OversightMode) -> Act:
    return lambda owner, _: mailbox.set_mode(_box(owner), mode, by="test", now=clock.now())


def _box(owner: Tenant) -> Mailbox:
    return Mailbox.objects.get(pk=owner.mailbox.pk)


def _newest(review: Review) -> Review:
    found = Review.objects.filter(message=review.message).select_related("message", "mailbox")
    return found.order_by("-opened_at")[0]


def _pause(owner: Tenant, _: Review) -> None:
    for status in ("PAUSED", "ACTIVE"):
        mailbox.change(_box(owner), status=status, now=clock.now())


def _revoke(owner: Tenant, _: Review) -> None:
    spare = keys.create_agent_key(owner.agent, now=clock.now())[0]
    keys.revoke_now(spare, by="test", now=clock.now())


def _stop(owner: Tenant, _: Review) -> None:
    stops.stop(owner.owner, reason="test", now=clock.now())
    stops.resume(owner.owner, now=clock.now())


def _undo(owner: Tenant, review: Review) -> None:
    decisions.undo(_newest(review), reviewer=builders.reviewer(owner.owner), now=clock.now())


def _resubmit(owner: Tenant, review: Review) -> None:
    draft = builders.draft(owner.mailbox, subject="Approved by the boss", oversight_mode=None)
    returns.resubmit(owner.agent_actor, owner.mailbox.pk, review.message_id, draft, now=clock.now())


ACTS: dict[str, Act] = {
    "monitored": _mode(OversightMode.MONITORED),
    "autonomous": _mode(OversightMode.AUTONOMOUS),
    "gated_all": _mode(OversightMode.GATED_ALL),
    "pause and wake": _pause,
    "revoke a key": _revoke,
    "stop and resume": _stop,
    "edit": lambda owner, review: edit(_newest(review), owner.owner, subject=f"Anew {clock.now()}"),
    "give back": lambda owner, review: give_back(_newest(review), owner.owner),
    "resubmit": _resubmit,
    "undo": _undo,
    "cancel": lambda owner, review: submission.cancel(
        owner.agent_actor, owner.mailbox.pk, review.message_id, now=clock.now()
    ),
    "release": lambda _, __: releases.release_due(now=clock.now().replace(year=clock.now().year + 1)),
    "expire": lambda _, __: reviews.expire_due(now=clock.now().replace(year=clock.now().year + 1)),
    "one of two approves": lambda owner, review: approve(_newest(review), owner.owner),
}  # fmt: skip


@settings(max_examples=12, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
@given(acts=st.lists(st.sampled_from(sorted(ACTS)), min_size=3, max_size=12))
def test_held_mail_never_leaves_without_as_many_approvals_as_are_needed(acts: list[str]) -> None:
    """R25: over random acts, of which none is the second approval."""
    with zeal.zeal_ignore():
        _live_through(acts)


def _live_through(acts: list[str]) -> None:
    alice = builders.tenant()
    review = builders.held(alice)
    for act in acts:
        Review.objects.filter(message=review.message).update(people_needed=2)
        try:
            ACTS[act](alice, review)
        except Problem:
            continue
    Review.objects.filter(message=review.message).update(people_needed=2)
    assert leaving(review.message) == []
    message = Message.objects.get(pk=review.message_id)
    assert message.status in (Status.HELD, Status.RETURNED, Status.CANCELLED, Status.EXPIRED)
    assert message.needs_decision


def test_recipients_are_not_edited_after_the_approval() -> None:
    """R8."""
    alice = builders.tenant()
    review = builders.held(alice)
    approve(review, alice.owner)
    api = Api(builders.decide_key(alice.owner))
    answer = api.post(f"/oversight/reviews/{review.pk}/edit", {"to": ["evil@friends.example"]})
    assert (answer.status, answer.code) == (409, "already_decided")
    assert leaving(review.message) == ["kim@friends.example"]


@pytest.mark.parametrize(
    "extra",
    [
        {"state": "approved"},
        {"approved_by": "boss"},
        {"decision": "approve"},
        {"account_id": "x"},
        {"created_at": "2020-01-01"},
        {"quota_exempt": True},
        {"oversightMode": "autonomous"},
        {"gated": False},
    ],
    ids=lambda value: next(iter(value)),
)
def test_a_resubmission_decides_nothing_by_what_stands_in_its_body(extra: dict[str, object]) -> None:
    """A10, I09."""
    alice = builders.tenant()
    review = builders.held(alice)
    give_back(review, alice.owner)
    path = f"/mailboxes/{alice.mailbox.pk}/messages/{review.message_id}/resubmit"
    assert Api(alice.key_text).post(path, MAIL | extra).status in (400, 403)
    assert fresh(review).state == ReviewState.RETURNED
    assert leaving(review.message) == []


def test_a_double_click_approves_once() -> None:
    """A56."""
    alice = builders.tenant()
    review = builders.held(alice)
    api, path = Api(builders.decide_key(alice.owner)), f"/oversight/reviews/{review.pk}/approve"
    assert api.post(path, {"version": 1}).status == 200
    again = api.post(path, {"version": 1})
    assert (again.status, again.code) == (409, "already_decided")
