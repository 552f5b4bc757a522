"""Sending over the API: what is asked for, what is refused, and waiting for the outcome."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import pytest
from django.db import connection

from mailboxes import clock
from mailboxes.models import Account, Mailbox, MailboxStatus
from mailboxes.modes import OversightMode
from messaging.models import Message, Recipient, RecipientState, Status, SuppressionReason
from messaging.recipients import suppressions
from oversight.api import waiting
from tests import builders, outcomes
from tests.api_client import Api
from tests.conftest import Clock
from tests.oversight.sends import MAIL, send

pytestmark = pytest.mark.django_db

Value = TypeVar("Value")
FILE = "b7f1b9f2-0000-7000-8000-000000000000"


def in_own_connection(act: Callable[[], Value]) -> Value:
    """What a thread must do with the connection that it opened."""
    try:
        return act()
    finally:
        connection.close()


def test_a_send_from_a_gated_mailbox_waits_for_a_human() -> None:
    alice = builders.tenant()
    answer = send(alice)
    message = answer.json["message"]
    assert answer.status == 201
    assert (message["status"], message["state"]) == ("QUEUED", "held")
    assert message["stateReason"]["code"] == "gated_send"
    assert message["review"]["state"] == "open"
    assert message["externalMessageId"] is None
    assert "attachments" not in message
    assert message["recipients"] == [
        {
            "address": "kim@friends.example",
            "kind": "to",
            "state": "waiting",
            "code": None,
            "text": None,
            "nextAttemptAt": None,
        }
    ]


def test_a_send_from_a_free_mailbox_is_queued_not_sent() -> None:
    alice = builders.tenant(mode=OversightMode.AUTONOMOUS)
    message = send(alice).json["message"]
    assert (message["status"], message["state"], message["review"]) == ("QUEUED", "queued", None)
    assert message["recipients"][0]["nextAttemptAt"].endswith("Z")


def test_a_send_from_a_read_only_mailbox_is_refused_and_never_listed() -> None:
    alice = builders.tenant(mode=OversightMode.READ_ONLY)
    answer = send(alice)
    assert (answer.status, answer.code) == (403, "read_only")
    assert "human" in answer.json["fix"]
    assert Message.objects.get(account=alice.account).status == Status.REFUSED
    assert Api(alice.key_text).get(f"/mailboxes/{alice.mailbox.pk}/messages").json["messages"] == []
    assert Api(alice.key_text).get(f"/mailboxes/{alice.mailbox.pk}/threads").json["threads"] == []


def test_everything_that_was_sent_comes_back() -> None:
    alice = builders.tenant()
    asked = MAIL | {
        "to": ["Kim@Friends.example"],
        "cc": ["lee@friends.example"],
        "bcc": ["max@friends.example"],
        "bodyHtml": "<p>Good day</p>",
        "replyTo": "desk@people.example",
        "headers": {"X-Order": "17", "Bcc": "eve@evil.example", "Return-Path": "x"},
        "metadata": {"order": "17"},
        "tags": ["receipt", "späť", "receipt"],
    }
    message = send(alice, asked).json["message"]
    assert message["toAddresses"] == ["kim@friends.example"]
    assert message["ccAddresses"] == ["lee@friends.example"]
    assert message["bccAddresses"] == ["max@friends.example"]
    assert [one["kind"] for one in message["recipients"]] == ["to", "cc", "bcc"]
    assert (message["bodyText"], message["bodyHtml"]) == ("Good day to you.", "<p>Good day</p>")
    assert message["headers"] == {"X-Order": "17"}
    assert message["droppedHeaders"] == ["Bcc", "Return-Path"]
    assert (message["replyTo"], message["metadata"]) == ("desk@people.example", {"order": "17"})
    assert (message["tags"], message["hasAttachments"], message["answers"]) == (["receipt", "späť"], False, None)
    read = Api(alice.key_text).get(f"/mailboxes/{alice.mailbox.pk}/messages").json["messages"][0]
    assert (read["tags"], read["metadata"]) == (["receipt", "späť"], {"order": "17"})


def test_markdown_alone_is_enough() -> None:
    message = send(builders.tenant(), {"to": MAIL["to"], "subject": "Hi", "bodyMarkdown": "**Good** day"}).json[
        "message"
    ]
    assert message["bodyText"] == "**Good** day"
    assert "<strong>Good</strong>" in message["bodyHtml"]


def test_html_alone_is_not_enough() -> None:
    answer = send(builders.tenant(), {"to": MAIL["to"], "subject": "Hi", "bodyHtml": "<p>Hi</p>"})
    assert (answer.status, answer.code, answer.json["field"]) == (400, "missing_field", "bodyText")


def test_null_is_as_good_as_left_out() -> None:
    optional = ("cc", "bcc", "bodyHtml", "bodyMarkdown", "inReplyTo", "replyTo", "headers", "oversightMode")
    kept = ("attachments", "metadata", "tags")
    alice = builders.tenant()
    assert send(alice, MAIL | dict.fromkeys((*optional, *kept))).status == 201
    assert send(alice, MAIL | {"attachments": [], "metadata": {}, "tags": []}).status == 201


@pytest.mark.parametrize(
    ("change", "code", "field"),
    [
        ({"to": []}, "missing_field", "to"),
        ({"to": "kim@friends.example"}, "invalid_field", "to"),
        ({"to": [f"a{n}@friends.example" for n in range(51)]}, "invalid_field", "to"),
        ({"to": ["kim@friends.example", "Kim <kim@friends.example>"]}, "invalid_field", "to[1]"),
        ({"to": ["kim@friends.example\nBcc: eve@evil.example"]}, "invalid_field", "to[0]"),
        ({"cc": [{"email": "kim@friends.example"}]}, "invalid_field", "cc[0]"),
        ({"bcc": [None]}, "missing_field", "bcc[0]"),
        ({"subject": ""}, "missing_field", "subject"),
        ({"subject": "x" * 999}, "invalid_field", "subject"),
        ({"subject": "Hi\r\nBcc: eve@evil.example"}, "subject_characters", "subject"),
        ({"subject": 7}, "invalid_field", "subject"),
        ({"bodyText": ""}, "missing_field", "bodyText"),
        ({"bodyText": ["x"]}, "invalid_field", "bodyText"),
        ({"inReplyTo": "<a b>"}, "message_id", "inReplyTo"),
        ({"inReplyTo": "<a@b>\r\nX: y"}, "message_id", "inReplyTo"),
        ({"replyTo": "nobody"}, "invalid_field", "replyTo"),
        ({"headers": {"X-A\r\nBcc": "eve@evil.example"}}, "header_name", "headers"),
        ({"headers": {"X-A": "1\r\n2"}}, "header_characters", "headers"),
        ({"headers": {"X-A": "=?utf-8?q?x?="}}, "header_characters", "headers"),
        ({"headers": {"X-A": 1}}, "invalid_field", "headers.X-A"),
        ({"headers": ["X-A"]}, "invalid_field", "headers"),
        ({"metadata": {"a": {"b": "c"}}}, "invalid_field", "metadata.a"),
        ({"oversightMode": "none"}, "invalid_field", "oversightMode"),
        ({"metadata": {str(n): "x" for n in range(51)}}, "invalid_metadata", "metadata"),
        ({"metadata": {"a": "x" * 501}}, "invalid_metadata", "metadata"),
        ({"tags": [str(n) for n in range(11)]}, "invalid_field", "tags"),
        ({"tags": ["x" * 51]}, "invalid_field", "tags[0]"),
        ({"tags": ["a\nb"]}, "invalid_field", "tags[0]"),
        ({"tags": ["a", ""]}, "missing_field", "tags[1]"),
        ({"tags": "a"}, "invalid_field", "tags"),
        ({"attachments": ["nonsense"]}, "invalid_field", "attachments[0]"),
        ({"attachments": [7]}, "invalid_field", "attachments[0]"),
        ({"attachments": [FILE] * 2}, "attachment_twice", "attachments"),
        ({"attachments": [{"id": FILE, "contentId": "a b"}]}, "invalid_field", "attachments[0].contentId"),
        ({"attachments": [{"filename": "a.txt"}]}, "missing_field", "attachments[0].url"),
        ({"attachments": [{"filename": "a.txt", "url": "x", "path": "/"}]}, "unknown_field", "path"),
        ({"attachments": [f"{n:08d}{FILE[8:]}" for n in range(11)]}, "too_many_attachments", "attachments"),
        ({"attachments": [FILE]}, "unknown_attachment", "attachments[0]"),
        ({"bodytext": "x"}, "unknown_field", "bodytext"),
        ({"state": "approved"}, "unknown_field", "state"),
        ({"needsDecision": False}, "unknown_field", "needsDecision"),
    ],
)
def test_a_wrong_field_is_named(change: dict[str, object], code: str, field: str) -> None:
    answer = send(builders.tenant(), MAIL | change)
    assert (answer.status, answer.code, answer.json["field"]) == (400, code, field)
    assert not Message.objects.filter(subject="Hello").exists()


def test_a_message_may_be_stricter_than_its_mailbox_and_never_freer() -> None:
    alice = builders.tenant(mode=OversightMode.MONITORED)
    assert send(alice, MAIL | {"oversightMode": "gated_send"}).json["message"]["state"] == "held"
    freer = send(alice, MAIL | {"oversightMode": "autonomous"})
    assert (freer.status, freer.code) == (403, "mode_not_stricter")


def test_a_suppressed_recipient_is_refused_in_any_spelling() -> None:
    alice = builders.tenant()
    suppressions.add(alice.account, "kim@friends.example", reason=SuppressionReason.BOUNCE, now=clock.now())
    answer = send(alice, MAIL | {"to": ["lee@friends.example"], "bcc": ["KIM+x@friends.example"]})
    assert (answer.status, answer.code) == (400, "suppressed_recipient")


def test_an_unverified_owner_is_told_before_anything_else() -> None:
    alice = builders.tenant(is_verified=False)
    for body in (MAIL, {"to": ["nonsense"]}, {}):
        answer = send(alice, body)
        assert (answer.status, answer.code) == (403, "email_not_verified")


def test_recipients_are_looked_at_before_fields() -> None:
    alice = builders.tenant()
    suppressions.add(alice.account, "kim@friends.example", reason=SuppressionReason.MANUAL, now=clock.now())
    assert send(alice, MAIL | {"subject": ""}).code == "suppressed_recipient"
    assert send(alice, MAIL | {"to": ["lee@friends.example"], "subject": ""}).json["field"] == "subject"
    assert send(alice, {"nonsense": 1, "to": ["x"]}).json["field"] == "to[0]"


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"status": MailboxStatus.PAUSED}, 400, "mailbox_inactive"),
        ({"status": MailboxStatus.SUSPENDED}, 403, "mailbox_suspended"),
    ],
)
def test_a_mailbox_that_is_not_active_does_not_send(change: dict[str, str], status: int, code: str) -> None:
    alice = builders.tenant()
    Mailbox.objects.filter(pk=alice.mailbox.pk).update(**change)
    answer = send(alice)
    assert (answer.status, answer.code) == (status, code)


def test_a_suspended_account_does_not_send() -> None:
    alice = builders.tenant()
    Account.objects.filter(pk=alice.account.pk).update(suspended_at=clock.now(), suspended_reason="spam")
    answer = send(alice)
    assert (answer.status, answer.json["suspended"], answer.json["reason"]) == (403, True, "spam")


def test_the_limit_is_told_with_the_way_to_more() -> None:
    alice = builders.tenant()
    builders.limit(alice.account, "daily_sends", 1)
    assert send(alice).status == 201
    answer = send(alice)
    assert (answer.status, answer.code) == (429, "daily_limit")
    assert "POST /v1/billing/upgrade" in answer.json["upgrade"]
    assert int(answer.headers["Retry-After"]) > 0


def test_a_velocity_limit_offers_no_upgrade(clock: Clock) -> None:
    clock.set(clock.now())  # no minute ends
    alice = builders.tenant()
    builders.limit(alice.account, "mailbox_sends_per_minute", 1)
    send(alice)
    answer = send(alice)
    assert (answer.status, answer.code) == (429, "velocity_limit")
    assert "upgrade" not in answer.json


def test_an_answer_names_its_parent_and_joins_the_thread() -> None:
    alice = builders.tenant()
    first = send(alice).json["message"]
    second = send(alice, MAIL | {"inReplyTo": first["messageId"], "subject": "Re: Hello"}).json["message"]
    assert (second["inReplyTo"], second["threadId"]) == (first["messageId"], first["threadId"])
    thread = Api(alice.key_text).get(f"/mailboxes/{alice.mailbox.pk}/threads/{first['threadId']}").json["thread"]
    assert [one["id"] for one in thread["messages"]] == [first["id"], second["id"]]
    assert (thread["messageCount"], thread["subject"]) == (2, "Hello")


@pytest.mark.django_db(transaction=True)
def test_waiting_for_the_outcome_ends_when_it_is_known() -> None:
    alice = builders.tenant(mode=OversightMode.AUTONOMOUS)
    with ThreadPoolExecutor() as pool:
        answered = pool.submit(in_own_connection, lambda: send(alice, Prefer="respond-async, wait=30"))
        while not (message := Message.objects.filter(mailbox=alice.mailbox).first()):
            time.sleep(0.02)
        outcomes.came_to(message, [RecipientState.SENT])
        answer = answered.result(timeout=60)
    assert (answer.status, answer.json["message"]["status"]) == (201, "SENT")
    assert answer.headers["Preference-Applied"] == "wait=30"


@pytest.mark.django_db(transaction=True)
def test_waiting_for_the_outcome_ends_with_the_time_that_was_asked_for() -> None:
    alice = builders.tenant()
    began = time.monotonic()
    answer = send(alice, Prefer="wait=1")
    assert 0.8 < time.monotonic() - began < 0.8 * waiting.MAX_SECONDS
    assert (answer.status, answer.json["message"]["state"]) == (201, "held")


@pytest.mark.parametrize(
    ("prefer", "seconds"),
    [
        ("", 0),
        ("wait=5", 5),
        ("respond-async, wait=5", 5),
        ("WAIT = 5", 5),
        ("wait=999", 30),
        ("wait=-1", 0),
        ("await=5", 0),
    ],
)
def test_prefer_is_read_as_its_rfc_says(prefer: str, seconds: int) -> None:
    assert waiting.seconds_asked(prefer) == seconds


def test_recipients_of_others_are_not_counted_twice() -> None:
    alice = builders.tenant()
    message = send(alice, MAIL | {"cc": ["KIM@friends.example"]}).json["message"]
    assert Recipient.objects.filter(message_id=message["id"]).count() == 1
