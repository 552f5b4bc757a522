"""Listing, reading and cancelling over the API."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from mailboxes import clock
from mailboxes import mailbox as mailbox_verbs
from mailboxes.modes import OversightMode
from messaging.models import RecipientState, Thread
from tests import builders, outcomes
from tests.api_client import Api
from tests.oversight.sends import MAIL, send

pytestmark = pytest.mark.django_db


def test_a_stranger_neither_sends_nor_reads() -> None:
    alice, charlie = builders.tenant(), Api(builders.tenant("charlie").key_text)
    message = send(alice).json["message"]
    base = f"/mailboxes/{alice.mailbox.pk}"
    answers = [
        charlie.post(f"{base}/messages", MAIL),
        charlie.get(f"{base}/messages"),
        charlie.get(f"{base}/messages/{message['id']}"),
        charlie.post(f"{base}/messages/{message['id']}/cancel"),
        charlie.get(f"{base}/threads"),
        charlie.get(f"{base}/threads/{message['threadId']}"),
    ]
    assert {answer.status for answer in answers} == {404}


def test_a_message_of_another_mailbox_of_the_account_is_not_found_here() -> None:
    alice = builders.tenant()
    other = Api(alice.key_text).post("/mailboxes", {"address": "second"}).json["mailbox"]["id"]
    message = send(alice).json["message"]
    assert Api(alice.key_text).get(f"/mailboxes/{other}/messages/{message['id']}").status == 404
    assert Api(alice.key_text).get(f"/mailboxes/{other}/threads/{message['threadId']}").status == 404
    assert Api(alice.key_text).get(f"/mailboxes/{other}/messages", threadId=message["threadId"]).json["messages"] == []


def test_lists_are_newest_first_and_come_in_pages() -> None:
    alice = builders.tenant()
    sent = [send(alice, MAIL | {"subject": f"No {n}"}).json["message"]["id"] for n in range(5)]
    api, path = Api(alice.key_text), f"/mailboxes/{alice.mailbox.pk}/messages"
    pages = [[one["id"] for one in api.get(path, limit=2, offset=n).json["messages"]] for n in (0, 2, 4)]
    assert [one for page in pages for one in page] == sent[::-1]
    assert api.get(path).json["metadata"]["overLimitCount"] == 0


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"limit": "0"}, "limit"),
        ({"limit": "101"}, "limit"),
        ({"limit": "ten"}, "limit"),
        ({"limit": "٣"}, "limit"),
        ({"offset": "-1"}, "offset"),
        ({"offset": "9" * 40}, "offset"),
        ({"direction": "SIDEWAYS"}, "direction"),
        ({"since": "yesterday"}, "since"),
        ({"since": "2026-05-01T00:00:00"}, "since"),
        ({"since": "0001-01-01T00:00:00+23:59"}, "since"),
        ({"threadId": "no-id"}, "threadId"),
    ],
)
def test_a_wrong_filter_is_named(query: dict[str, str], field: str) -> None:
    alice = builders.tenant()
    answer = Api(alice.key_text).get(f"/mailboxes/{alice.mailbox.pk}/messages", **query)
    assert (answer.status, answer.json["field"]) == (400, field)


def test_since_includes_the_moment_itself() -> None:
    alice = builders.tenant()
    message = builders.submit(alice)
    api, path = Api(alice.key_text), f"/mailboxes/{alice.mailbox.pk}/messages"
    at, later = message.created_at.isoformat(), (message.created_at + timedelta(microseconds=1)).isoformat()
    assert len(api.get(path, since=at).json["messages"]) == 1
    assert api.get(path, since=later).json["messages"] == []
    assert api.get(path, direction="INBOUND").json["messages"] == []
    assert len(api.get(path, direction="OUTBOUND").json["messages"]) == 1


def test_the_list_asks_the_database_as_often_for_fifty_as_for_one() -> None:
    alice = builders.tenant()
    for kind in ("daily_sends", "mailbox_sends_per_minute", "account_sends_per_minute"):
        builders.limit(alice.account, kind, 0)
    api, path = Api(alice.key_text), f"/mailboxes/{alice.mailbox.pk}/messages"
    builders.submit(alice)
    api.get(path)  # the first use of a key is noted
    with CaptureQueriesContext(connection) as one:
        api.get(path)
    for _ in range(49):
        builders.submit(alice)
    api.get(path)  # and noted again where a minute has passed
    with CaptureQueriesContext(connection) as fifty:
        assert len(api.get(path).json["messages"]) == 50
    assert len(fifty) == len(one) <= 11


@pytest.mark.parametrize(
    ("states", "word"),
    [
        (["sent", "sent"], "SENT"),
        (["delivered", "sent"], "SENT"),
        (["delivered", "delivered"], "DELIVERED"),
        (["delivered", "bounced"], "BOUNCED"),
        (["bounced", "complained"], "COMPLAINED"),
        (["failed", "failed"], "FAILED"),
        (["unknown", "sent"], "QUEUED"),
        (["deferred", "sent"], "QUEUED"),
    ],
)
def test_the_status_is_the_gravest_that_came_of_it(states: list[str], word: str) -> None:
    alice = builders.tenant(mode=OversightMode.AUTONOMOUS)
    message = builders.submit(alice, cc=("lee@friends.example",))
    outcomes.came_to(message, [RecipientState(state) for state in states])
    shown = Api(alice.key_text).get(f"/mailboxes/{alice.mailbox.pk}/messages/{message.pk}").json["message"]
    assert shown["status"] == word
    assert [one["state"] for one in shown["recipients"]] == states


def test_cancel_takes_a_waiting_message_back_and_again_is_no_error() -> None:
    alice = builders.tenant()
    message = send(alice).json["message"]
    path = f"/mailboxes/{alice.mailbox.pk}/messages/{message['id']}/cancel"
    for _ in range(2):
        answer = Api(alice.key_text).post(path)
        cancelled = answer.json["message"]
        assert (answer.status, cancelled["status"], cancelled["state"]) == (200, "FAILED", "cancelled")
        assert cancelled["review"]["state"] == "cancelled"


def test_cancel_is_too_late_once_it_is_being_sent() -> None:
    alice = builders.tenant(mode=OversightMode.AUTONOMOUS)
    message = builders.submit(alice)
    outcomes.claim(message)
    answer = Api(alice.key_text).post(f"/mailboxes/{alice.mailbox.pk}/messages/{message.pk}/cancel")
    assert (answer.status, answer.code) == (409, "already_sending")


def test_a_deleted_mailbox_takes_its_mail_with_it() -> None:
    alice = builders.tenant()
    message = send(alice).json["message"]
    mailbox_verbs.delete(alice.mailbox, by="test", now=clock.now())
    assert Api(alice.key_text).get(f"/mailboxes/{alice.mailbox.pk}/messages/{message['id']}").status == 404
    assert Api(alice.key_text).get(f"/oversight/reviews/{message['review']['id']}").status == 404


def test_threads_show_at_most_fifty_with_the_newest_activity_first() -> None:
    alice = builders.tenant()
    for kind in ("daily_sends", "mailbox_sends_per_minute", "account_sends_per_minute"):
        builders.limit(alice.account, kind, 0)
    for n in range(52):
        builders.submit(alice, subject=f"No {n}")
    threads = Api(alice.key_text).get(f"/mailboxes/{alice.mailbox.pk}/threads").json["threads"]
    assert [thread["subject"] for thread in threads] == [f"No {n}" for n in range(51, 1, -1)]
    assert Thread.objects.filter(mailbox=alice.mailbox).count() == 52
