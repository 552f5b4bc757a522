"""A reply carries what its sender kept with the message that it answers."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from mailboxes.modes import OversightMode
from tests import builders
from tests.api_client import Api
from tests.arrivals import arrive
from tests.builders import Tenant
from tests.letters import letter
from tests.oversight.sends import MAIL, send

pytestmark = pytest.mark.django_db


@pytest.fixture
def alice() -> Tenant:
    return builders.tenant()


def ask(owner: Tenant, order: str) -> dict[str, Any]:
    answer = send(owner, MAIL | {"metadata": {"order": order}, "tags": ["order"]})
    message: dict[str, Any] = answer.json["message"]
    return message


def reply(owner: Tenant, *headers: str) -> None:
    arrive(owner.mailbox, letter(*headers, to=owner.mailbox.full_address))


def inbox(owner: Tenant) -> list[dict[str, Any]]:
    """What was received, newest first."""
    path = f"/mailboxes/{owner.mailbox.pk}/messages"
    found: list[dict[str, Any]] = Api(owner.key_text).get(path, direction="INBOUND").json["messages"]
    return found


def test_a_reply_carries_the_metadata_of_what_it_answers(alice: Tenant) -> None:
    asked = ask(alice, "17")
    reply(alice, f"In-Reply-To: {asked['messageId']}")
    [read] = inbox(alice)
    told = {"id": asked["id"], "messageId": asked["messageId"], "metadata": {"order": "17"}, "tags": ["order"]}
    assert read["answers"] == told
    api, box = Api(alice.key_text), f"/mailboxes/{alice.mailbox.pk}"
    assert api.get(f"{box}/messages/{read['id']}").json["message"]["answers"] == told
    thread = api.get(f"{box}/threads/{asked['threadId']}").json["thread"]
    assert [one["answers"] for one in thread["messages"]] == [None, told]


def test_the_nearest_message_of_ours_is_the_one_that_is_answered(alice: Tenant) -> None:
    first, second = ask(alice, "1"), ask(alice, "2")
    theirs = "<theirs@friends.example>"
    reply(alice, f"References: {first['messageId']} {second['messageId']} {theirs}", f"In-Reply-To: {theirs}")
    reply(alice, f"References: {first['messageId']} {second['messageId']}", f"In-Reply-To: {first['messageId']}")
    assert [read["answers"]["metadata"]["order"] for read in inbox(alice)] == ["1", "2"]


def test_other_mail_answers_nothing_of_ours(alice: Tenant) -> None:
    charlie = builders.tenant("charlie", mode=OversightMode.AUTONOMOUS)
    refused = builders.submit(builders.tenant("bob", mode=OversightMode.READ_ONLY))
    reply(alice)
    reply(alice, f"In-Reply-To: {ask(charlie, '17')['messageId']}")
    reply(alice, f"In-Reply-To: {refused.message_id}")
    assert [read["answers"] for read in inbox(alice)] == [None, None, None]


def test_a_page_of_replies_takes_one_query_more_than_a_page_of_other_mail(alice: Tenant) -> None:
    reply(alice)
    api, path = Api(alice.key_text), f"/mailboxes/{alice.mailbox.pk}/messages"

    def cost() -> int:
        with CaptureQueriesContext(connection) as queries:
            assert api.get(path, direction="INBOUND").status == 200
        return len(queries)

    cost()
    without = cost()
    for order in "12345":
        reply(alice, f"In-Reply-To: {ask(alice, order)['messageId']}")
    assert cost() == without + 1
