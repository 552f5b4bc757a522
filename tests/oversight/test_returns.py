"""Given back with instructions: sent again by its author as the next revision, cancelled, or expired."""

from __future__ import annotations

import json
from datetime import timedelta
from email import message_from_bytes
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings

from config.invariants import check_all
from mailboxes import clock, mailbox, quotas
from mailboxes.errors import Conflict
from mailboxes.models import Event, LimitKind, Member
from mailboxes.modes import OversightMode
from messaging.models import Attachment, Message, Recipient, Revision, Status
from messaging.outbound import outbox, outcomes
from messaging.outbound.outcomes import Outcome, OutcomeKind
from oversight import decisions, departures, returns, submission
from oversight.decisions import DecisionConflict
from oversight.models import Review, ReviewState
from tests import builders, files
from tests.api_client import Answer, Api
from tests.builders import Tenant
from tests.oversight.sends import MAIL, send

from .people import approve, edit, fresh, give_back, leaving

pytestmark = pytest.mark.django_db


@pytest.fixture
def alice() -> Tenant:
    return builders.tenant()


@pytest.fixture
def rhea(alice: Tenant) -> Member:
    return builders.member(alice.account, "rhea")


def used(owner: Tenant) -> int:
    told = quotas.used([owner.mailbox.pk], LimitKind.DAILY_SENDS, now=clock.now())
    return told.get(owner.mailbox.pk, 0)


def again(owner: Tenant, message: Message, *, api: Api | None = None, **change: Any) -> Answer:
    path = f"/mailboxes/{owner.mailbox.pk}/messages/{message.pk}/resubmit"
    headers = {"Idempotency_Key": change.pop("key")} if "key" in change else {}
    return (api or Api(owner.key_text)).post(path, MAIL | change, **headers)


def broken() -> list[str]:
    return [result.invariant.id for result in check_all() if not result.holds]


def test_a_request_for_changes_gives_the_message_back_with_instructions(alice: Tenant, rhea: Member) -> None:
    review = builders.held(alice)
    api = Api(builders.decide_key(rhea))
    body = {"version": 1, "instructions": "Name the price.", "reason": "wrong_facts"}
    answer = api.post(f"/oversight/reviews/{review.pk}/request-changes", body)
    assert (answer.status, answer.json["review"]["state"]) == (200, "returned")
    shown = Api(alice.key_text).get(f"/mailboxes/{alice.mailbox.pk}/messages/{review.message_id}").json["message"]
    assert (shown["state"], shown["status"]) == ("returned", "QUEUED")
    assert shown["review"]["instructions"] == "Name the price."
    told = {event.kind: json.loads(event.data) for event in Event.objects.filter(account=alice.account)}
    assert told["message.returned"]["review_reason"] == "wrong_facts"
    assert "Name the price." not in json.dumps(told)
    assert leaving(review.message) == []
    assert broken() == []


def test_instructions_are_required_and_nobody_decides_on_what_was_given_back(alice: Tenant, rhea: Member) -> None:
    review = builders.held(alice)
    api = Api(builders.decide_key(rhea))
    assert api.post(f"/oversight/reviews/{review.pk}/request-changes", {"instructions": "  "}).status == 400
    give_back(review, rhea)
    with pytest.raises(DecisionConflict) as conflict:
        approve(review, rhea)
    assert conflict.value.code == "already_decided"


def test_a_resubmission_is_the_next_revision_and_waits_for_people(alice: Tenant, rhea: Member) -> None:
    review = builders.held(alice)
    before = Message.objects.get(pk=review.message_id)
    give_back(review, rhea)
    answer = again(alice, before, subject="With a price", bodyText="It is 5 EUR.", cc=["lou@friends.example"])
    shown = answer.json["message"]
    assert (answer.status, shown["id"], shown["state"]) == (200, str(before.pk), "held")
    assert (shown["review"]["state"], shown["review"]["revision"]) == ("open", 2)
    assert shown["review"]["id"] != str(review.pk)
    assert [(one["field"], one["by"]) for one in shown["review"]["edits"]] == [
        ("bodyText", None), ("cc", None), ("subject", None)
    ]  # fmt: skip
    after = Message.objects.get(pk=before.pk)
    assert (after.message_id, after.thread_id, after.current_version) == (before.message_id, before.thread_id, 2)
    mail = message_from_bytes(bytes(Revision.objects.get(message=after, version=2).raw))
    assert (mail["Subject"], mail["Cc"]) == ("With a price", "lou@friends.example")
    assert used(alice) == 2
    assert leaving(after) == []
    approve(Review.objects.get(message=after, state="open"), rhea)
    assert leaving(after) == ["kim@friends.example", "lou@friends.example"]
    assert broken() == []


def test_a_resubmission_waits_even_where_the_mailbox_sends_by_itself_by_now(alice: Tenant, rhea: Member) -> None:
    review = builders.held(alice)
    give_back(review, rhea)
    mailbox.set_mode(alice.mailbox, OversightMode.AUTONOMOUS, by="test", now=clock.now())
    answer = again(alice, review.message, subject="Anew")
    assert answer.json["message"]["review"]["reason"]["code"] == "resubmitted"
    assert leaving(review.message) == []


def test_another_key_of_the_agent_may_resubmit_and_a_stranger_finds_nothing(alice: Tenant, rhea: Member) -> None:
    review = builders.held(alice)
    give_back(review, rhea)
    charlie = builders.tenant("charlie")
    assert again(alice, review.message, api=Api(charlie.key_text)).status == 404
    other = again(charlie, review.message, api=Api(charlie.key_text))
    assert (other.status, other.code) == (404, "NOT_FOUND")
    assert again(alice, review.message, api=Api(builders.decide_key(rhea))).code == "missing_scope"
    api = Api(alice.key_text)
    second = api.post("/api-keys", {"name": "spare"}).json["key"]
    second_text = second if isinstance(second, str) else second["key"]
    assert again(alice, review.message, api=Api(second_text), subject="Anew").status == 200


def test_what_was_not_given_back_is_not_resubmitted(alice: Tenant, rhea: Member) -> None:
    review = builders.held(alice)
    assert again(alice, review.message).code == "not_returned"
    give_back(review, rhea)
    assert again(alice, review.message, subject="Anew", key="k-1").status == 200
    assert again(alice, review.message, subject="Anew", key="k-1").status == 200, "the kept answer"
    assert again(alice, review.message, subject="Anew").code == "not_returned"
    assert Review.objects.filter(message=review.message).count() == 2


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"to": ["nobody"]}, "invalid_field"),
        ({"to": []}, "missing_field"),
        ({"inReplyTo": "<other@friends.example>"}, "other_conversation"),
        ({"oversightMode": "autonomous"}, "mode_not_stricter"),
        ({"state": "approved"}, "unknown_field"),
        ({"to": [f"r{number}@friends.example" for number in range(4)]}, "daily_limit"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_a_resubmission_is_refused_as_a_send_would_be(
    change: dict[str, Any], code: str, alice: Tenant, rhea: Member
) -> None:
    builders.limit(alice.account, "daily_sends", 3)
    review = builders.held(alice)
    give_back(review, rhea)
    assert again(alice, review.message, **change).code == code
    assert (fresh(review).state, fresh(review).message.status) == (ReviewState.RETURNED, Status.RETURNED)
    assert used(alice) == 1


def test_a_resubmission_that_the_policy_refuses_stays_with_its_author(alice: Tenant, rhea: Member) -> None:
    review = builders.held(alice)
    give_back(review, rhea)
    mailbox.set_mode(alice.mailbox, OversightMode.READ_ONLY, by="test", now=clock.now())
    answer = again(alice, review.message, subject="Anew")
    assert (answer.status, answer.code) == (403, "read_only")
    assert Message.objects.get(pk=review.message_id).status == Status.RETURNED


def test_files_of_a_resubmission_are_those_it_names(alice: Tenant, rhea: Member, files_folder: Path) -> None:
    kept, dropped, added = (files.upload(alice, content) for content in (b"kept", b"dropped", b"added"))
    sent = send(alice, MAIL | {"attachments": [str(kept.pk), str(dropped.pk)]})
    review = Review.objects.select_related("message").get(message=sent.json["message"]["id"])
    give_back(review, rhea)
    assert again(alice, review.message, attachments=[str(added.pk), str(kept.pk)]).status == 200
    mine = Attachment.objects.filter(message=review.message)
    assert {file.pk for file in mine} == {kept.pk, added.pk}
    parts = message_from_bytes(bytes(Revision.objects.get(message=review.message, version=2).raw)).walk()
    assert {part.get_payload(decode=True) for part in parts if part.get_filename()} == {b"kept", b"added"}
    approve(Review.objects.get(message=review.message, state="open"), rhea)
    assert broken() == []


def test_returned_mail_expires_by_a_sweep_of_its_own(alice: Tenant, rhea: Member) -> None:
    review = builders.held(alice)
    give_back(review, rhea)
    days = timedelta(days=settings.REVIEW_EXPIRES_DAYS)
    assert returns.expire_due(now=clock.now() + days - timedelta(minutes=1)) == 0
    assert returns.expire_due(now=clock.now() + days) == 1
    message = Message.objects.get(pk=review.message_id)
    assert (fresh(review).state, message.status, message.reason_code) == ("expired", Status.EXPIRED, "expired")
    assert used(alice) == 0
    assert again(alice, message).code == "not_returned"
    assert broken() == []


def test_what_came_again_is_let_alone_by_the_sweep_for_returned_mail(alice: Tenant, rhea: Member) -> None:
    review = builders.held(alice)
    give_back(review, rhea)
    assert again(alice, review.message, subject="Anew").status == 200
    assert returns.expire_due(now=fresh(review).expires_at + timedelta(days=1)) == 0
    assert fresh(review).message.status == Status.HELD
    assert broken() == []


def test_returned_mail_may_be_cancelled_and_goes_with_its_mailbox(alice: Tenant, rhea: Member) -> None:
    first, second = builders.held(alice), builders.held(alice)
    for review in (first, second):
        give_back(review, rhea)
    submission.cancel(alice.agent_actor, alice.mailbox.pk, first.message_id, now=clock.now())
    assert (fresh(first).state, fresh(first).message.status) == ("cancelled", Status.CANCELLED)
    mailbox.delete(alice.mailbox, by="test", now=clock.now())
    assert departures.cancel_due(now=clock.now()) == 1
    assert Message.objects.get(pk=second.message_id).status == Status.CANCELLED
    assert used(alice) == 0


def test_a_recipient_that_was_tried_is_not_taken_out(alice: Tenant, rhea: Member) -> None:
    review = builders.held(alice, to=("kim@friends.example", "lou@friends.example"))
    approve(review, rhea)
    builders.release()
    later = clock.now() + timedelta(minutes=5)
    tried = [one for one in outbox.claim_due(limit=9, now=later) if one.recipient.message_id == review.message_id]
    outcomes.apply([(one, Outcome(OutcomeKind.DEFERRED, "450", "Come again.")) for one in tried], now=later)
    decisions.undo(review, reviewer=builders.reviewer(rhea), now=later + timedelta(minutes=1))
    with pytest.raises(Conflict) as conflict:
        edit(review, rhea, to=("kim@friends.example",))
    assert conflict.value.code == "recipient_was_tried"
    changes = decisions.Changes(subject="Anew")
    after = later + timedelta(minutes=2)
    decisions.edit(review, reviewer=builders.reviewer(rhea), version=None, changes=changes, now=after)
    assert Recipient.objects.filter(message=review.message).count() == 2
    assert broken() == []
