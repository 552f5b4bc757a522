"""`GET /v1/events/log`: what happened, page by page, with one cursor."""

from __future__ import annotations

import json
from uuid import uuid4

import pytest
from pytest_django import Settings

from mailboxes import clock as clock_of_ours
from mailboxes import keys, suspensions
from mailboxes.models import Event
from tests import arrivals, builders
from tests.api_client import Answer, Api
from tests.builders import Tenant
from tests.conftest import Clock
from tests.letters import letter

from . import rendered

pytestmark = pytest.mark.django_db


@pytest.fixture
def alice() -> Tenant:
    return builders.tenant()


def log(owner: Tenant, **query: object) -> Answer:
    return Api(owner.key_text).get("/events/log", **query)


def kinds(answer: Answer) -> list[str]:
    assert answer.status == 200, answer.json
    return [event["event"] for event in answer.json["events"]]


def newest(owner: Tenant) -> Event:
    return Event.objects.filter(account=owner.account).latest("seq")


def test_the_log_is_read_to_its_end_and_on_from_there(alice: Tenant) -> None:
    arrivals.arrive(alice.mailbox)
    first = log(alice)
    assert kinds(first) == ["message.received"]
    assert (first.json["cursor"], first.json["hasMore"]) == (str(newest(alice).pk), False)
    assert log(alice, after=first.json["cursor"]).json == {
        "events": [],
        "cursor": first.json["cursor"],
        "hasMore": False,
    }

    arrivals.arrive(alice.mailbox, letter(to=alice.mailbox.full_address, subject="Second"))
    (event,) = log(alice, after=first.json["cursor"]).json["events"]
    assert event["data"]["subject"] == "Second"


def test_an_event_is_the_same_as_everywhere(alice: Tenant) -> None:
    arrivals.arrive(alice.mailbox)
    (event,) = log(alice).json["events"]
    assert event == rendered.envelope(alice, "message.received")


def test_pages_put_together_are_all_events(alice: Tenant) -> None:
    for _ in range(3):
        builders.submit(alice)
    whole = kinds(log(alice, types="*", limit=1000))
    cursor, found = "", list[str]()
    while True:
        page = log(alice, types="*", limit=2, after=cursor)
        found += kinds(page)
        cursor = page.json["cursor"]
        if not page.json["hasMore"]:
            break
    assert found == whole
    assert whole.count("message.held") == 3


def test_any_event_is_a_cursor_also_one_that_is_not_told(alice: Tenant) -> None:
    silent = Event.objects.get(account=alice.account, kind="account.verification_requested")
    later = Event.objects.filter(account=alice.account, seq__gt=silent.seq)
    assert len(kinds(log(alice, types="*", after=silent.pk))) <= later.count()
    assert log(alice, types="*", after=silent.pk).json["cursor"] == str(newest(alice).pk)


def test_latest_is_the_cursor_of_now_and_nothing_else(alice: Tenant) -> None:
    builders.submit(alice)
    assert log(alice, types="*", after="latest").json == {
        "events": [],
        "cursor": str(newest(alice).pk),
        "hasMore": False,
    }


def test_mailbox_and_tags_choose(alice: Tenant) -> None:
    builders.submit(alice, tags=("orders",))
    builders.submit(alice)
    assert kinds(log(alice, types="*", tags="orders")) == ["message.held", "review.opened"]
    assert "key.created" not in kinds(log(alice, types="*", mailboxId=alice.mailbox.pk))
    assert kinds(log(alice, types="message.held", mailboxId=alice.mailbox.pk)) == ["message.held"] * 2


@pytest.mark.parametrize(
    ("query", "code", "field"),
    [
        ({"types": "message.recieved"}, "unknown_event", "types"),
        ({"limit": "0"}, "invalid_field", "limit"),
        ({"limit": "1001"}, "invalid_field", "limit"),
        ({"limit": "ten"}, "invalid_field", "limit"),
    ],
)
def test_what_is_wrong_is_named(alice: Tenant, query: dict[str, str], code: str, field: str) -> None:
    answer = log(alice, **query)
    assert (answer.status, answer.code, answer.json["field"]) == (400, code, field)


def test_garbage_and_the_events_of_strangers_are_one_answer(alice: Tenant) -> None:
    foreign = newest(builders.tenant("charlie")).pk
    answers = []
    for cursor in (foreign, uuid4(), "abc", "-1", "1788-0000-ab12"):
        answer = log(alice, after=cursor)
        answers.append((answer.status, answer.code, answer.json["error"], answer.json["fix"]))
    assert set(answers) == {(404, "cursor_unknown", answers[0][2], answers[0][3])}


def test_a_cursor_that_is_too_old_is_told_the_first_that_works(alice: Tenant, clock: Clock, settings: Settings) -> None:
    old = Event.objects.filter(account=alice.account).earliest("seq")
    clock.advance(days=settings.EVENT_RETENTION_DAYS - 1)
    builders.submit(alice)
    clock.advance(days=2)

    answer = log(alice, types="*", after=old.pk)
    assert (answer.status, answer.code) == (410, "cursor_expired")
    again = log(alice, types="*", after=answer.json["oldestCursor"])
    assert kinds(again) == ["message.held", "review.opened"] == kinds(log(alice, types="*"))


def test_a_mailbox_of_somebody_else_is_not_there(alice: Tenant) -> None:
    charlie = builders.tenant("charlie")
    assert log(alice, mailboxId=charlie.mailbox.pk).status == 404
    assert log(alice, mailboxId=uuid4()).status == 404


def test_a_scoped_key_is_told_of_its_mailboxes_only(alice: Tenant) -> None:
    text = keys.create_agent_key(alice.agent, mailboxes=[alice.mailbox], now=clock_of_ours.now())[1]
    arrivals.arrive(alice.mailbox)
    answer = Api(text).get("/events/log", types="*")
    assert {event["data"]["mailbox_id"] for event in answer.json["events"] if "mailbox_id" in event["data"]} == {
        str(alice.mailbox.pk)
    }
    assert "key.created" not in kinds(answer)
    assert "message.received" in kinds(answer)


def test_a_test_key_reads_the_log_of_the_test_data(alice: Tenant) -> None:
    twin = builders.twin(alice)
    arrivals.arrive(twin.mailbox, letter(to=twin.mailbox.full_address, subject="A test"))
    (event,) = log(twin).json["events"]
    assert event["data"]["subject"] == "A test"
    assert kinds(log(alice)) == []
    assert log(twin, after=newest(alice).pk).code == "cursor_unknown"


def test_a_suspended_account_still_reads(alice: Tenant) -> None:
    suspensions.suspend(alice.account, reason="test", by="test", now=clock_of_ours.now())
    assert "account.suspended" in kinds(log(alice, types="*"))


def test_the_answer_carries_usage_like_any_other(alice: Tenant) -> None:
    answer = log(alice)
    assert answer.headers["Content-Type"] == "application/json"
    assert "X-Robotomail-Inbound-Quota" in answer.headers
    assert json.dumps(answer.json)
