"""A person edits a held message: checked as a send, sealed anew, and told to the author field by field."""

from __future__ import annotations

import json
from email import message_from_bytes
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from config.invariants import check_all
from mailboxes import clock, mailbox, quotas
from mailboxes.errors import Conflict, Problem
from mailboxes.models import Event, LimitKind, Member
from mailboxes.modes import OversightMode
from messaging.attachments import deletion
from messaging.models import Attachment, Message, Recipient, Revision, Status, SuppressionReason
from messaging.recipients import suppressions
from oversight import decisions
from oversight.models import Edit, Evaluation, Review
from tests import builders, files
from tests.api_client import Answer, Api
from tests.builders import Tenant
from tests.oversight.sends import MAIL, send

from .people import approve, edit, fresh, leaving

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


def asked(person: Member, review: Review, **body: Any) -> Answer:
    return Api(builders.decide_key(person)).post(f"/oversight/reviews/{review.pk}/edit", body)


def broken() -> list[str]:
    return [result.invariant.id for result in check_all() if not result.holds]


def test_an_edit_makes_a_new_revision_that_is_what_leaves(alice: Tenant, rhea: Member) -> None:
    review = builders.held(alice, to=("kim@friends.example", "lou@friends.example"), cc=("max@friends.example",))
    first = Revision.objects.get(message=review.message)
    decision = edit(review, rhea, to=("Kim@Friends.example",), subject="Anew", text="Better.\n", version=1)
    message = Message.objects.get(pk=review.message_id)
    second = Revision.objects.get(message=message, version=2)
    assert (message.status, message.current_version, message.message_id) == (Status.HELD, 2, review.message.message_id)
    assert (decision.seal, second.made_by) == (second.seal, f"member:{rhea.pk}")
    old, new = message_from_bytes(bytes(first.raw)), message_from_bytes(bytes(second.raw))
    assert (new["Subject"], new["To"], new["Cc"]) == ("Anew", "kim@friends.example", "max@friends.example")
    assert new["Message-ID"] == old["Message-ID"]
    assert parsedate_to_datetime(new["Date"]) >= parsedate_to_datetime(old["Date"])
    assert "Better." in new.get_payload()
    approve(fresh(review), rhea, version=2)
    assert leaving(message) == ["kim@friends.example", "max@friends.example"]
    assert broken() == []


def test_the_author_reads_the_change_field_by_field_and_the_event_holds_no_words(alice: Tenant, rhea: Member) -> None:
    review = builders.held(alice)
    edit(review, rhea, subject="Secret plans", bcc=("nan@friends.example",))
    api = Api(alice.key_text)
    message = api.get(f"/mailboxes/{alice.mailbox.pk}/messages/{review.message_id}").json["message"]
    by = rhea.user.name or rhea.user.email
    assert (message["subject"], message["review"]["revision"]) == ("Secret plans", 2)
    assert [(one["field"], one["old"], one["new"], one["by"]) for one in message["review"]["edits"]] == [
        ("bcc", [], ["nan@friends.example"], by),
        ("subject", "Hello", "Secret plans", by),
    ]
    assert api.get(f"/oversight/reviews/{review.pk}").json["review"]["edits"] == message["review"]["edits"]
    event = Event.objects.get(kind="review.edited")
    assert json.loads(event.data)["fields"] == ["bcc", "subject"]
    assert "Secret" not in event.data
    assert "nan@" not in event.data
    told = api.get(f"/mailboxes/{alice.mailbox.pk}/messages/{review.message_id}/timeline").json
    assert "Edited: bcc, subject" in json.dumps(told)


def test_the_verdict_on_the_new_form_is_kept(alice: Tenant, rhea: Member) -> None:
    review = builders.held(alice)
    edit(review, rhea, subject="Anew")
    assert Evaluation.objects.filter(message=review.message).count() == 2


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"to": ["not an address"]}, "invalid_field"),
        ({"to": []}, "invalid_field"),
        ({"to": ["gone@friends.example"]}, "suppressed_recipient"),
        ({"subject": "Hello"}, "nothing_changed"),
        ({"subject": "two\nlines"}, "subject_characters"),
        ({"from": "x@y.example"}, "unknown_field"),
        ({}, "nothing_changed"),
    ],
    ids=lambda value: value if isinstance(value, str) else "-".join(value) or "nothing",
)
def test_an_edit_is_refused_as_a_send_would_be(changes: dict[str, Any], code: str, alice: Tenant, rhea: Member) -> None:
    reason = SuppressionReason.MANUAL
    suppressions.add(alice.account, "gone@friends.example", reason=reason, now=clock.now())
    review = builders.held(alice)
    assert asked(rhea, review, **changes).code == code
    assert (fresh(review).version, fresh(review).message.current_version) == (1, 1)


def test_text_and_html_change_together(alice: Tenant, rhea: Member) -> None:
    review = builders.held(alice, body_html="<p>Good day to you.</p>")
    halves: list[dict[str, Any]] = [{"text": "Better."}, {"html": "<p>Better.</p>"}]
    for half in halves:
        with pytest.raises(Problem) as problem:
            edit(review, rhea, **half)
        assert problem.value.code == "one_body_left"
    edit(review, rhea, text="Better.", html="")
    assert Message.objects.get(pk=review.message_id).body_html is None


def test_more_recipients_take_more_of_the_limits_and_fewer_give_back(alice: Tenant, rhea: Member) -> None:
    builders.limit(alice.account, "daily_sends", 3)
    review = builders.held(alice)
    edit(review, rhea, cc=("lou@friends.example", "max@friends.example"))
    assert used(alice) == 3
    with pytest.raises(Problem) as problem:
        edit(review, rhea, bcc=("nan@friends.example",))
    assert problem.value.code == "daily_limit"
    edit(review, rhea, cc=())
    assert used(alice) == 1
    decisions.reject(review, reviewer=builders.reviewer(rhea), version=None, reason="tone", now=clock.now())
    assert used(alice) == 0
    assert broken() == []


def test_an_edit_that_the_policy_refuses_is_refused(alice: Tenant, rhea: Member) -> None:
    review = builders.held(alice)
    mailbox.set_mode(alice.mailbox, OversightMode.READ_ONLY, by="test", now=clock.now())
    answer = asked(rhea, review, subject="Anew")
    assert (answer.status, answer.code) == (403, "read_only")
    assert not Edit.objects.exists()
    assert fresh(review).message.subject == "Hello"


def test_an_edit_may_approve_in_the_same_moment(alice: Tenant, rhea: Member) -> None:
    review = builders.held(alice)
    answer = asked(rhea, review, version=1, subject="Anew", approve=True)
    assert (answer.status, answer.json["review"]["state"], answer.json["review"]["version"]) == (200, "approved", 3)
    assert leaving(review.message) == ["kim@friends.example"]


def test_whoever_saw_the_old_form_decides_nothing_about_the_new_one(alice: Tenant, rhea: Member) -> None:
    """A56: a stale tab after an edit."""
    review = builders.held(alice)
    edit(review, rhea, subject="Anew")
    answer = Api(builders.decide_key(rhea)).post(f"/oversight/reviews/{review.pk}/approve", {"version": 1})
    assert (answer.status, answer.code) == (409, "stale_version")


def test_files_stay_with_an_edited_message(alice: Tenant, rhea: Member, files_folder: Path) -> None:
    file = files.upload(alice, b"%PDF-1.7 plan")
    sent = send(alice, MAIL | {"attachments": [str(file.pk)]})
    review = Review.objects.get(message=sent.json["message"]["id"])
    edit(review, rhea, subject="Anew")
    parts = message_from_bytes(bytes(Revision.objects.get(message=review.message, version=2).raw)).walk()
    assert [part.get_payload(decode=True) for part in parts if part.get_filename()] == [b"%PDF-1.7 plan"]
    assert broken() == []


def test_what_was_changed_is_never_rewritten(alice: Tenant, rhea: Member) -> None:
    review = builders.held(alice)
    edit(review, rhea, subject="Anew")
    one = Edit.objects.get()
    with pytest.raises(Exception, match="append-only"):
        Edit.objects.filter(pk=one.pk).update(new="Otherwise")


TAMPERED = {
    "subject": "UPDATE messaging_message SET subject = 'Harmless'",
    "text": "UPDATE messaging_message SET body_text = 'Harmless'",
    "html": "UPDATE messaging_message SET body_html = '<p>Harmless</p>'",
    "to": "UPDATE messaging_message SET to_addresses = '{boss@friends.example}'",
    "bcc": "UPDATE messaging_message SET bcc_addresses = '{}'",
    "reply_to": "UPDATE messaging_message SET reply_to = 'boss@friends.example'",
    "from_name": "UPDATE messaging_message SET from_name = 'The Boss'",
    "headers": 'UPDATE messaging_message SET headers = \'{"X-Approved": "yes"}\'',
    "recipient": "UPDATE messaging_recipient SET address = 'boss@friends.example' WHERE kind = 'to'",
    "kind": "UPDATE messaging_recipient SET kind = 'cc' WHERE kind = 'bcc'",
    "recipient_gone": "DELETE FROM messaging_recipient WHERE kind = 'bcc'",
    "file_name": "UPDATE messaging_attachment SET filename = 'harmless.pdf' WHERE message_id IS NOT NULL",
    "file_content": "UPDATE messaging_attachment SET sha256 = (SELECT sha256 FROM messaging_attachment "
    "WHERE message_id IS NULL) WHERE message_id IS NOT NULL",
    "file_gone": "DELETE FROM messaging_attachment WHERE message_id IS NOT NULL",
    "file_added": "UPDATE messaging_attachment SET message_id = (SELECT min(message_id::text)::uuid FROM "
    "messaging_recipient WHERE kind = 'bcc') WHERE message_id IS NULL",
    "from": "UPDATE messaging_message SET from_address = 'boss@friends.example'",
}


@pytest.mark.parametrize("field", TAMPERED)
def test_a_field_that_was_changed_past_the_verbs_between_hold_and_approval_is_refused(
    field: str, alice: Tenant, rhea: Member, files_folder: Path
) -> None:
    """I05, A11, A63: by SQL. What people read must be what the sealed bytes say."""
    file, _spare = files.upload(alice, b"plan"), files.upload(alice, b"spare")
    sent = send(alice, MAIL | {"bcc": ["quiet@friends.example"], "attachments": [str(file.pk)]})
    review = Review.objects.select_related("message").get(message=sent.json["message"]["id"])
    with connection.cursor() as cursor:
        cursor.execute(TAMPERED[field])
    for act in (approve, lambda one, person: edit(one, person, subject="Anew")):
        with pytest.raises(Conflict) as conflict:
            act(review, rhea)
        assert conflict.value.code == "seal_differs"
    assert fresh(review).version == 1
    assert leaving(review.message) == []


def test_a_file_that_the_agent_deletes_or_swaps_after_the_hold_voids_it(
    alice: Tenant, rhea: Member, files_folder: Path
) -> None:
    """A11: an attachment replaced by its id."""
    file = files.upload(alice, b"plan")
    sent = send(alice, MAIL | {"attachments": [str(file.pk)]})
    review = Review.objects.select_related("message").get(message=sent.json["message"]["id"])
    deletion.delete(alice.agent_actor, Attachment.objects.get(message=review.message).pk, now=clock.now())
    with pytest.raises(Conflict) as conflict:
        approve(review, rhea)
    assert conflict.value.code == "seal_differs"


@pytest.mark.parametrize("field", ["to", "subject", "bodyText", "attachments", "state", "oversightMode"])
def test_an_agent_changes_nothing_of_a_held_message(field: str, alice: Tenant) -> None:
    """R8, A11, I09: there is no such route, and a resubmission is for what was returned."""
    review = builders.held(alice)
    api, path = Api(alice.key_text), f"/mailboxes/{alice.mailbox.pk}/messages/{review.message_id}"
    assert api.patch(path, {field: "approved"}).status == 405
    assert api.post(f"{path}/resubmit", MAIL).code == "not_returned"
    answer = api.post(f"/oversight/reviews/{review.pk}/edit", {"subject": "Anew"})
    assert (answer.status, answer.code) == (403, "own_message")
    assert Recipient.objects.filter(message=review.message).count() == 1
