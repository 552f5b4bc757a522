"""Reading a list to its end: by cursor, by offset, and through a search that looks at so much at a time."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.core.cache import cache
from pytest_django import Settings

from mailboxes import clock, keys
from mailboxes.api import places
from messaging.models import Message
from oversight import counting, monitoring, pending
from oversight.console import keyset, people
from tests import builders
from tests.api_client import Api
from tests.arrivals import arrive
from tests.builders import Tenant
from tests.letters import letter
from tests.oversight.console import decide, seat, text_of

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _unlimited(settings: Settings) -> None:
    settings.DEFAULT_LIMITS = dict.fromkeys(settings.DEFAULT_LIMITS, 0)
    cache.clear()


@pytest.fixture
def alice() -> Tenant:
    return builders.tenant()


def mixed_mail(alice: Tenant) -> list[str]:
    """Seven messages, sent and received, newest first."""
    for number in range(7):
        if number % 3:
            builders.submit(alice, subject=f"Sent {number}")
        else:
            arrive(alice.mailbox, letter(subject=f"Received {number}"))
    newest = Message.objects.filter(mailbox=alice.mailbox).order_by("-created_at", "-id")
    return [str(pk) for pk in newest.values_list("pk", flat=True)]


def read_on(alice: Tenant, **query: Any) -> list[str]:
    """The ids of all messages, read page after page by cursor."""
    api, path = Api(alice.key_text), f"/mailboxes/{alice.mailbox.pk}/messages"
    page = api.get(path, limit=2, **query).json
    read = [one["id"] for one in page["messages"]]
    while page["nextCursor"]:
        page = api.get(path, limit=2, after=page["nextCursor"], **query).json
        read += [one["id"] for one in page["messages"]]
    return read


def test_messages_are_read_to_the_end_by_cursor_sent_and_received_ones_together(alice: Tenant) -> None:
    every = mixed_mail(alice)
    assert read_on(alice) == read_on(alice, since="2020-01-01T00:00:00Z") == every


@pytest.mark.parametrize("direction", ["INBOUND", "OUTBOUND"])
def test_messages_of_one_direction_are_read_by_cursor(alice: Tenant, direction: str) -> None:
    every = mixed_mail(alice)
    chosen = {str(pk) for pk in Message.objects.filter(direction=direction).values_list("pk", flat=True)}
    assert read_on(alice, direction=direction) == [pk for pk in every if pk in chosen]


def test_messages_of_a_thread_are_read_by_cursor(alice: Tenant) -> None:
    mixed_mail(alice)
    message = Message.objects.filter(mailbox=alice.mailbox, direction="OUTBOUND").earliest("created_at")
    assert read_on(alice, threadId=message.thread_id) == [str(message.pk)]


def test_what_arrives_meanwhile_moves_no_page_that_is_read_by_cursor(alice: Tenant) -> None:
    before = mixed_mail(alice)
    api, path = Api(alice.key_text), f"/mailboxes/{alice.mailbox.pk}/messages"
    first = api.get(path, limit=3).json
    arrive(alice.mailbox, letter(subject="Just now"))
    second = api.get(path, limit=3, after=first["nextCursor"]).json
    assert [one["id"] for page in (first, second) for one in page["messages"]] == before[:6]


def test_a_cursor_and_an_offset_together_are_refused(alice: Tenant) -> None:
    mixed_mail(alice)
    api, path = Api(alice.key_text), f"/mailboxes/{alice.mailbox.pk}/messages"
    answer = api.get(path, offset=2, after=api.get(path, limit=2).json["nextCursor"])
    assert (answer.status, answer.json["field"]) == (400, "offset")


def test_a_forged_cursor_of_messages_or_keys_is_refused(alice: Tenant) -> None:
    for path in (f"/mailboxes/{alice.mailbox.pk}/messages", "/api-keys"):
        answer = Api(alice.key_text).get(path, after="AAAA")
        assert (answer.status, answer.code) == (400, "invalid_cursor")


def test_a_deep_page_by_offset_begins_where_the_page_before_it_ended(
    alice: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(places, "REMEMBERED_FROM", 4)
    every = mixed_mail(alice)
    api, path = Api(alice.key_text), f"/mailboxes/{alice.mailbox.pk}/messages"
    assert ids(api.get(path, limit=2, offset=2)) == every[2:4]
    arrive(alice.mailbox, letter(subject="Just now"))
    assert ids(api.get(path, limit=2, offset=4)) == every[4:6]  # though each stands one further down now
    assert ids(api.get(path, limit=2, offset=6)) == every[6:]


def test_an_offset_that_nobody_read_up_to_is_counted_from_the_newest(
    alice: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(places, "REMEMBERED_FROM", 4)
    every = mixed_mail(alice)
    api, path = Api(alice.key_text), f"/mailboxes/{alice.mailbox.pk}/messages"
    assert ids(api.get(path, limit=2, offset=5)) == every[5:]
    api.get(path, limit=2, offset=2)
    other = Api(keys.create_agent_key(alice.agent, name="other", now=clock.now())[1])
    arrive(alice.mailbox, letter(subject="Just now"))
    assert ids(other.get(path, limit=2, offset=4)) == every[3:5]  # another key's way is not this one's
    assert ids(api.get(path, limit=2, offset=4, direction="OUTBOUND")) == []
    assert ids(api.get(path, limit=2, offset=1_000_000)) == []


def test_keys_come_in_pages_and_all_at_once_for_who_knows_of_none(alice: Tenant) -> None:
    for number in range(4):
        keys.create_agent_key(alice.agent, name=f"spare {number}", now=clock.now())
    api = Api(alice.key_text)
    whole = api.get("/api-keys").json
    assert (len(whole["keys"]), whole["nextCursor"]) == (5, None)
    page = api.get("/api-keys", limit=3).json
    rest = api.get("/api-keys", limit=3, after=page["nextCursor"]).json
    assert page["keys"] + rest["keys"] == whole["keys"]
    assert rest["nextCursor"] is None


def test_a_search_of_the_queue_goes_on_where_it_looked_last(alice: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pending, "LOOKED_THROUGH", 2)
    for subject in ("Plan A", "One", "Two", "Three", "Plan B"):
        builders.held(alice, subject=subject)
    assert subjects_read(alice, "/review/?q=plan", r"Plan \w(?=</a>)") == ["Plan A", "Plan B"]


def test_a_search_of_the_threads_goes_on_where_it_looked_last(alice: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keyset, "LOOKED_THROUGH", 2)
    for subject in ("Plan A", "One", "Two", "Three", "Plan B"):
        arrive(alice.mailbox, letter(subject=subject))
    assert subjects_read(alice, "/mailboxes/?q=plan", r"Plan \w(?=</a>)") == ["Plan B", "Plan A"]


def test_the_monitor_looks_past_what_waits_page_by_page(alice: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    review = builders.held(alice, subject="Plan A")
    decide(seat(alice.owner), review, "approve")
    for number in range(5):
        builders.held(alice, subject=f"Waits {number}")
    monkeypatch.setattr(keyset, "LOOKED_THROUGH", 2)
    assert subjects_read(alice, "/monitor/", r"Plan \w(?=</a>)") == ["Plan A"]


def test_numbers_of_the_monitor_say_when_they_are_of_the_newest_only(
    alice: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(3):
        decide(seat(alice.owner), builders.held(alice), "approve")
    client = seat(alice.owner)
    assert "sent in the last hour" in text_of(client.get("/monitor/"))
    monkeypatch.setattr(monitoring, "MOST_COUNTED", 1)
    numbers = monitoring.last_hour(alice.owner_actor, now=clock.now())
    assert (numbers.waiting, numbers.is_whole) == (2, False)


def test_mails_to_an_address_are_counted_as_far_as_anybody_reads(
    alice: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(counting, "MOST_COUNTED", 1)
    for _ in range(3):
        builders.submit(alice, to=("kim@friends.example",)).recipients.update(state="sent")
    message = builders.submit(alice, to=("kim@friends.example", "new@friends.example"))
    told = people.of(message, actor=alice.owner_actor, replies={})
    assert [(one.address, one.sent_count) for one in told] == [("kim@friends.example", 2), ("new@friends.example", 0)]


def ids(answer: Any) -> list[str]:
    return [one["id"] for one in answer.json["messages"]]


def subjects_read(alice: Tenant, url: str, pattern: str) -> list[str]:
    """What matches on every page of a list of the console, one after the other."""
    client, found = seat(alice.owner), []
    for _ in range(10):
        page = text_of(client.get(url))
        found += re.findall(pattern, page)
        onward = re.search(r'href="([^"]+)" rel="next"', page)
        if onward is None:
            return found
        url = onward[1].replace("&amp;", "&")
    raise AssertionError("the list has no end")
