"""Reviews over the API: who sees what, who decides, and who was first."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from mailboxes import clock, keys
from mailboxes.models import Member, Role, User
from mailboxes.modes import OversightMode
from messaging.models import Message, Status
from oversight import reviews
from oversight.models import Decision, Review
from tests import builders, outcomes
from tests.api_client import Answer, Api
from tests.builders import Tenant
from tests.conftest import Clock

pytestmark = pytest.mark.django_db


def rhea_of(owner: Tenant) -> Api:
    """A reviewer of the account, with a decide key."""
    return Api(builders.decide_key(builders.member(owner.account)))


def approve(api: Api, review: Review, **body: object) -> Answer:
    return api.post(f"/oversight/reviews/{review.pk}/approve", body)


def test_a_decide_key_sees_what_waits_and_approves_it() -> None:
    alice = builders.tenant()
    review = builders.held(alice)
    rhea = rhea_of(alice)
    [waiting] = rhea.get("/oversight/pending").json["reviews"]
    assert waiting["id"] == str(review.pk)
    assert (waiting["state"], waiting["version"]) == ("open", 1)
    assert waiting["reason"]["code"] == "gated_send"
    assert waiting["allowedActions"] == ["approve", "reject", "edit", "request_changes"]
    assert len(waiting["seal"]) == 64
    assert waiting["message"]["subject"] == "Hello"
    assert waiting["agent"] == {"id": str(alice.agent.pk), "name": alice.agent.name}
    approved = approve(rhea, review, version=1, note="Fine.").json["review"]
    assert (approved["state"], approved["version"], approved["note"]) == ("approved", 2, "Fine.")
    assert approved["decidedBy"].startswith("rhea")
    assert approved["allowedActions"] == ["undo"]
    assert Message.objects.get(pk=review.message_id).status == Status.QUEUED
    assert rhea.get("/oversight/pending").json["reviews"] == []


def test_the_author_reads_the_review_without_what_only_reviewers_need() -> None:
    alice = builders.tenant()
    review = builders.held(alice)
    shown = Api(alice.key_text).get(f"/oversight/reviews/{review.pk}").json["review"]
    assert shown["state"] == "open"
    assert "seal" not in shown
    assert "allowedActions" not in shown
    assert [one["id"] for one in Api(alice.key_text).get("/oversight/pending").json["reviews"]] == [str(review.pk)]


def test_the_author_learns_reason_and_note_of_a_rejection() -> None:
    alice = builders.tenant()
    review = builders.held(alice)
    body = {"reason": "wrong_facts", "note": "The price is 17."}
    rejected = rhea_of(alice).post(f"/oversight/reviews/{review.pk}/reject", body)
    assert rejected.json["review"]["state"] == "rejected"
    path = f"/mailboxes/{alice.mailbox.pk}/messages/{review.message_id}"
    message = Api(alice.key_text).get(path).json["message"]
    assert (message["status"], message["state"]) == ("FAILED", "rejected")
    assert message["stateReason"]["code"] == "rejected"
    assert (message["review"]["state"], message["review"]["note"]) == ("rejected", "The price is 17.")
    assert message["review"]["decidedBy"].startswith("rhea")


def test_a_key_that_sends_never_decides() -> None:
    alice = builders.tenant()
    review = builders.held(alice)
    bob = Api(keys.create_agent_key(builders.agent(alice.account, "bob"), now=clock.now())[1])
    for action, body in (("approve", {}), ("reject", {"reason": "tone"}), ("undo", None)):
        path = f"/oversight/reviews/{review.pk}/{action}"
        own, other = Api(alice.key_text).post(path, body), bob.post(path, body)
        assert (own.status, own.code) == (403, "own_message")
        assert (other.status, other.code) == (403, "may_not_decide")
    assert not Decision.objects.exists()


def test_a_member_whose_password_an_agent_knows_does_not_decide() -> None:
    alice = builders.tenant()
    review = builders.held(alice)
    rhea = builders.member(alice.account)
    api = Api(builders.decide_key(rhea))
    User.objects.filter(pk=rhea.user_id).update(password_set_at=None)
    assert approve(api, review).code == "password_not_proven"
    assert api.get(f"/oversight/reviews/{review.pk}").json["review"]["allowedActions"] == []


def test_a_viewer_who_once_was_a_reviewer_does_not_decide() -> None:
    alice = builders.tenant()
    review = builders.held(alice)
    rhea = builders.member(alice.account)
    api = Api(builders.decide_key(rhea))
    Member.objects.filter(pk=rhea.pk).update(role=Role.VIEWER)
    assert approve(api, review).status == 403


def test_the_second_decision_is_told_the_first() -> None:
    alice = builders.tenant()
    review = builders.held(alice)
    rhea, bob = rhea_of(alice), rhea_of(alice)
    approve(rhea, review, version=1)
    late = bob.post(f"/oversight/reviews/{review.pk}/reject", {"version": 1, "reason": "tone"})
    assert (late.status, late.code) == (409, "already_decided")
    assert (late.json["review"]["state"], late.json["review"]["version"]) == ("approved", 2)


def test_a_stale_version_is_told_the_present_one() -> None:
    alice = builders.tenant()
    review = builders.held(alice)
    rhea = rhea_of(alice)
    approve(rhea, review, version=1)
    rhea.post(f"/oversight/reviews/{review.pk}/undo")
    stale = approve(rhea, review, version=1)
    assert (stale.status, stale.code) == (409, "stale_version")
    assert (stale.json["review"]["state"], stale.json["review"]["version"]) == ("open", 3)
    assert approve(rhea, review, version=3).status == 200


def test_undo_makes_the_message_wait_again() -> None:
    alice = builders.tenant()
    review = builders.held(alice)
    rhea = rhea_of(alice)
    approve(rhea, review)
    undone = rhea.post(f"/oversight/reviews/{review.pk}/undo").json["review"]
    assert (undone["state"], undone["decidedBy"], undone["note"]) == ("open", None, None)
    assert undone["message"]["state"] == "held"
    nothing = rhea.post(f"/oversight/reviews/{review.pk}/undo")
    assert (nothing.status, nothing.code) == (409, "nothing_to_undo")


def test_undo_is_too_late_once_it_was_claimed(clock: Clock) -> None:
    alice = builders.tenant()
    review = builders.held(alice)
    rhea = rhea_of(alice)
    approve(rhea, review)
    clock.advance(seconds=60)
    builders.release(after=timedelta())
    outcomes.claim(review.message)
    late = rhea.post(f"/oversight/reviews/{review.pk}/undo")
    assert (late.status, late.code) == (409, "already_sending")
    assert late.json["review"]["allowedActions"] == []


def test_undo_is_not_offered_where_it_is_switched_off(settings: Settings) -> None:
    settings.UNDO_SECONDS = 0
    alice = builders.tenant()
    review = builders.held(alice)
    rhea = rhea_of(alice)
    assert approve(rhea, review).json["review"]["allowedActions"] == []
    answer = rhea.post(f"/oversight/reviews/{review.pk}/undo")
    assert (answer.status, answer.code) == (409, "undo_off")


def test_an_expired_review_is_gone(clock: Clock) -> None:
    alice = builders.tenant()
    review = builders.held(alice)
    rhea = rhea_of(alice)
    clock.advance(days=8)
    late = approve(rhea, review)
    assert (late.status, late.code) == (410, "expired")
    assert (late.json["review"]["state"], late.json["review"]["allowedActions"]) == ("open", [])
    reviews.expire_due(now=clock.now())
    swept = approve(rhea, review)
    assert (swept.status, swept.json["review"]["state"]) == (410, "expired")


@pytest.mark.parametrize(
    ("action", "body", "code", "field"),
    [
        ("approve", {"version": "1"}, "invalid_field", "version"),
        ("approve", {"version": True}, "invalid_field", "version"),
        ("approve", {"version": 0}, "invalid_field", "version"),
        ("approve", {"note": "x" * 4001}, "invalid_field", "note"),
        ("approve", {"reason": "tone"}, "unknown_field", "reason"),
        ("reject", {}, "missing_field", "reason"),
        ("reject", {"reason": ""}, "missing_field", "reason"),
        ("reject", {"reason": "x" * 61}, "invalid_field", "reason"),
        ("undo", {"version": 1}, "unknown_field", "version"),
    ],
)
def test_a_wrong_decision_is_told_what_is_wrong(action: str, body: dict[str, object], code: str, field: str) -> None:
    alice = builders.tenant()
    review = builders.held(alice)
    answer = rhea_of(alice).post(f"/oversight/reviews/{review.pk}/{action}", body)
    assert (answer.status, answer.code, answer.json["field"]) == (400, code, field)


def test_a_stranger_finds_no_review() -> None:
    alice, charlie = builders.tenant(), builders.tenant("charlie")
    review = builders.held(alice)
    for api in (Api(charlie.key_text), rhea_of(charlie)):
        assert api.get("/oversight/pending").json["reviews"] == []
        assert api.get("/oversight/pending", mailboxId=str(alice.mailbox.pk)).status == 404
        assert api.get(f"/oversight/reviews/{review.pk}").status == 404
        for action in ("approve", "reject", "undo"):
            assert api.post(f"/oversight/reviews/{review.pk}/{action}").status == 404
    assert api.get("/oversight/reviews/no-id").status == 404


def test_a_scoped_key_sees_the_reviews_of_its_mailboxes_only() -> None:
    alice = builders.tenant()
    review = builders.held(alice)
    other = Api(alice.key_text).post("/mailboxes", {"address": "second"}).json["mailbox"]["id"]
    scoped = Api(Api(alice.key_text).post("/api-keys", {"mailboxIds": [other]}).json["key"])
    assert scoped.get("/oversight/pending").json["reviews"] == []
    assert scoped.get(f"/oversight/reviews/{review.pk}").status == 404


def test_what_waits_comes_in_pages_soonest_expiry_first() -> None:
    alice = builders.tenant()
    now = clock.now()
    sent = [builders.submit(alice, now=now + timedelta(seconds=n // 2)) for n in range(5)]
    rhea, seen, cursor = rhea_of(alice), [], None
    while True:
        page = rhea.get("/oversight/pending", limit=2, **({"after": cursor} if cursor else {})).json
        seen += [one["message"]["id"] for one in page["reviews"]]
        cursor = page["nextCursor"]
        if cursor is None:
            break
    assert sorted(seen) == sorted(str(message.pk) for message in sent)
    order = list(reviews.pending(alice.owner_actor).values_list("message_id", flat=True))
    assert seen == [str(pk) for pk in order]


@pytest.mark.parametrize("cursor", ["x", "AAAA", "é", "MjAyNi0wNS0wMSBub25l", "=" * 8, "a" * 5000])
def test_a_forged_cursor_is_refused(cursor: str) -> None:
    answer = rhea_of(builders.tenant()).get("/oversight/pending", after=cursor)
    assert (answer.status, answer.code) == (400, "invalid_cursor")


def test_the_queue_asks_the_database_as_often_for_thirty_as_for_one() -> None:
    alice = builders.tenant()
    for kind in ("daily_sends", "mailbox_sends_per_minute", "account_sends_per_minute"):
        builders.limit(alice.account, kind, 0)
    rhea = rhea_of(alice)
    builders.submit(alice)
    rhea.get("/oversight/pending")  # the first use of a key is noted
    with CaptureQueriesContext(connection) as one:
        rhea.get("/oversight/pending")
    for _ in range(29):
        builders.submit(alice)
    rhea.get("/oversight/pending")  # and noted again where a minute has passed
    with CaptureQueriesContext(connection) as thirty:
        assert len(rhea.get("/oversight/pending").json["reviews"]) == 30
    assert len(thirty) == len(one) <= 12


def test_monitored_mail_asks_nobody() -> None:
    alice = builders.tenant(mode=OversightMode.MONITORED)
    builders.submit(alice)
    assert rhea_of(alice).get("/oversight/pending").json == {"reviews": [], "nextCursor": None}
