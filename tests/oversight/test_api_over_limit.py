"""Over the month's inbound limit, as an agent sees it: what is left out, what is refused and how, and what is told."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]  # has no types
from pytest_django import Settings

from mailboxes import inbound_usage, keys, limits, mailbox
from mailboxes.api.openapi import document
from mailboxes.models import LimitKind, Mailbox
from messaging.inbound import withholding
from messaging.models import Message
from oversight.api.error_codes import CODES
from tests import builders, plans
from tests.api_client import Answer, Api
from tests.arrivals import arrive
from tests.builders import Tenant
from tests.conftest import Clock
from tests.contract.shapes import LIST_METADATA, wrong
from tests.contract.test_document import schema_of
from tests.letters import letter
from tests.messaging.test_intake import WITH_FILES

pytestmark = pytest.mark.django_db

# In the future: the database lets nothing be deleted in the past.
MAY = datetime(2036, 5, 20, 12, 0, tzinfo=UTC)
JUNE = datetime(2036, 6, 1, 0, 0, 30, tzinfo=UTC)
RESET = "2036-06-01T00:00:00.000Z"


class Scene:
    """Alice's account, which may receive two messages a month, at noon of May 20."""

    def __init__(self, clock: Clock) -> None:
        clock.set(MAY)
        self.clock = clock
        self.alice = builders.tenant()
        self.api = Api(self.alice.key_text)
        self.box = f"/mailboxes/{self.alice.mailbox.pk}"
        self.allow(2)

    def allow(self, amount: int) -> None:
        limits.set_limit(self.alice.account, LimitKind.MONTHLY_INBOUND, amount, by="test", now=self.clock.now())

    def receive(self, *subjects: str, box: Mailbox | None = None) -> list[Message]:
        found = []
        for subject in subjects:
            self.clock.advance(seconds=1)
            found.append(arrive(box or self.alice.mailbox, letter(to="us@agents.example", subject=subject)))
        return found

    def unlock(self) -> int:
        return withholding.unlock(self.alice.account, now=self.clock.now())

    def listed(self, **query: Any) -> list[str]:
        return [one["subject"] for one in self.api.get(f"{self.box}/messages", **query).json["messages"]]

    def account(self) -> dict[str, Any]:
        account: dict[str, Any] = self.api.get("/account").json["account"]
        return account


@pytest.fixture
def scene(clock: Clock) -> Scene:
    return Scene(clock)


def test_reading_a_withheld_message_is_refused_with_all_that_the_contract_names(
    scene: Scene, settings: Settings
) -> None:
    *_, third = scene.receive("One", "Two", "Three")
    answer = scene.api.get(f"{scene.box}/messages/{third.pk}")
    assert (answer.status, answer.code) == (402, "INBOUND_LIMIT_EXCEEDED")
    assert answer.json["resource"] == {"type": "message", "id": str(third.pk)}
    assert answer.json["upgrade"] == {
        "browserUrl": f"{settings.PUBLIC_URL}/billing",
        "apiEndpoint": {"method": "POST", "path": "/v1/billing/upgrade"},
        "hint": answer.json["upgrade"]["hint"],
    }
    assert (answer.json["recovery"], answer.json["resetAt"]) == ("reset", RESET)
    assert all(answer.json[name] for name in ("error", "fix", "requestId", "docs"))
    assert "Three" not in str(answer.json)
    assert_headers(answer, scene)


def assert_headers(answer: Answer, scene: Scene) -> None:
    left = int((datetime.fromisoformat(RESET) - scene.clock.now()).total_seconds())
    assert int(answer.headers["Retry-After"]) == left
    assert answer.headers["X-Robotomail-Retriable"] == "false"
    assert answer.headers["X-Robotomail-Reset-At"] == RESET
    assert answer.headers["X-Robotomail-Inbound-Quota"] == "3/2"
    assert answer.headers["X-Robotomail-Inbound-Warning"] == "reached"


def test_the_refusal_is_as_documented(scene: Scene) -> None:
    *_, third = scene.receive("One", "Two", "Three")
    answer = scene.api.get(f"{scene.box}/messages/{third.pk}")
    schema = schema_of(document(), "getMessage", 402)
    assert "INBOUND_LIMIT_EXCEEDED" in CODES[402]
    assert {"resource", "recovery", "resetAt", "upgrade"} <= set(schema_members(schema))
    assert [problem.message for problem in Draft202012Validator(schema).iter_errors(answer.json)] == []


def schema_members(schema: dict[str, Any]) -> list[str]:
    name = schema["$ref"].rpartition("/")[2]
    return list(schema["components"]["schemas"][name]["required"])


def test_a_file_of_a_withheld_message_is_refused_alike(scene: Scene) -> None:
    scene.receive("One", "Two")
    message = arrive(scene.alice.mailbox, WITH_FILES)
    [file] = message.attachments.all()
    path = f"/attachments/{file.pk}"
    answer = scene.api.get(path)
    assert (answer.status, answer.code) == (402, "INBOUND_LIMIT_EXCEEDED")
    assert answer.json["resource"] == {"type": "attachment", "id": str(file.pk)}
    assert_headers(answer, scene)
    assert Api(builders.tenant("charlie").key_text).get(path).status == 404
    assert scene.api.delete(path).status == 404
    assert scene.api.get(f"/attachments/{scene.alice.mailbox.pk}").status == 404
    scene.allow(2000)
    scene.unlock()
    assert scene.api.get(path).json["filename"] == "plan.pdf"


def test_a_file_of_a_withheld_message_is_not_sent_on_by_its_id(scene: Scene) -> None:
    scene.receive("One", "Two")
    [file] = arrive(scene.alice.mailbox, WITH_FILES).attachments.all()
    asked = {"to": ["kim@friends.example"], "subject": "Out", "bodyText": "Yes.\n", "attachments": [str(file.pk)]}
    answer = scene.api.post(f"{scene.box}/messages", asked)
    assert answer.status == 400


def test_lists_leave_it_out_and_count_what_is_withheld_in_their_mailbox(scene: Scene) -> None:
    second = mailbox.create(
        scene.alice.account,
        mailbox.NewMailbox(address="second", domain=scene.alice.mailbox.domain),
        now=scene.clock.now(),
    )
    *_, third = scene.receive("One", "Two", "Three")
    scene.receive("Four", "Five", box=second)
    assert scene.listed() == scene.listed(direction="INBOUND") == ["Two", "One"]
    assert scene.listed(threadId=third.thread_id) == []
    counts = [
        scene.api.get(f"/mailboxes/{box.pk}/{what}").json["metadata"]["overLimitCount"]
        for box in (scene.alice.mailbox, second)
        for what in ("messages", "threads")
    ]
    assert counts == [1, 1, 2, 2]
    account = scene.account()
    assert (account["overLimitMessageCount"], account["monthlyInboundCount"]) == (3, 5)
    assert (account["monthlyInboundLimit"], account["monthlyInboundPercentage"]) == (2, 250)
    assert (account["receivedToday"], account["monthlyInboundResetAt"]) == (5, RESET)
    received = [box["receivedThisMonth"] for box in scene.api.get("/mailboxes").json["mailboxes"]]
    assert sorted(received) == [2, 3]


def test_a_page_is_as_long_with_withheld_mail_between(scene: Scene) -> None:
    scene.allow(4)
    scene.receive(*(f"No {number}" for number in range(6)))
    first = scene.api.get(f"{scene.box}/messages", limit=2).json
    second = scene.api.get(f"{scene.box}/messages", limit=2, after=first["nextCursor"]).json
    assert [one["subject"] for page in (first, second) for one in page["messages"]] == ["No 3", "No 2", "No 1", "No 0"]


def test_threads_are_counted_dated_and_ordered_by_what_is_visible(scene: Scene) -> None:
    one, two = scene.receive("One", "Two")
    scene.clock.advance(seconds=1)
    arrive(scene.alice.mailbox, letter(f"In-Reply-To: {one.message_id}", sender="lee@friends.example"))
    [other] = scene.receive("Three")
    threads = scene.api.get(f"{scene.box}/threads").json["threads"]
    assert [thread["id"] for thread in threads] == [str(two.thread_id), str(one.thread_id)]
    assert [thread["messageCount"] for thread in threads] == [1, 1]
    assert "lee@friends.example" not in str(threads)
    shown = scene.api.get(f"{scene.box}/threads/{one.thread_id}").json["thread"]
    assert [message["id"] for message in shown["messages"]] == [str(one.pk)]
    assert scene.api.get(f"{scene.box}/threads/{other.thread_id}").status == 404


@pytest.mark.parametrize("way", ["upgrade", "reset"])
def test_everything_is_there_and_in_its_place_once_it_is_unlocked(scene: Scene, way: str) -> None:
    one, _, three = scene.receive("One", "Two", "Three")
    scene.clock.advance(seconds=1)
    answer = arrive(scene.alice.mailbox, letter(f"In-Reply-To: {one.message_id}", subject="Re: One"))
    if way == "upgrade":
        scene.allow(2000)
    else:
        scene.clock.set(JUNE)
    assert scene.unlock() == 2
    assert scene.listed() == ["Re: One", "Three", "Two", "One"]
    message = scene.api.get(f"{scene.box}/messages/{three.pk}").json["message"]
    assert (message["overLimit"], message["overLimitReason"]) == (False, None)
    threads = scene.api.get(f"{scene.box}/threads").json
    assert [thread["messageCount"] for thread in threads["threads"]] == [2, 1, 1]
    assert threads["threads"][0]["id"] == str(answer.thread_id)
    assert threads["metadata"]["overLimitCount"] == scene.account()["overLimitMessageCount"] == 0
    assert scene.account()["monthlyInboundCount"] == (4 if way == "upgrade" else 0)


def test_between_the_end_of_the_month_and_the_sweep_one_is_told_to_come_back_soon(scene: Scene) -> None:
    *_, third = scene.receive("One", "Two", "Three")
    scene.clock.set(JUNE)
    answer = scene.api.get(f"{scene.box}/messages/{third.pk}")
    assert (answer.status, answer.json["resetAt"], answer.headers["Retry-After"]) == (402, RESET, "60")


def test_a_scoped_key_meets_the_same_in_its_own_mailbox_and_404_in_others(scene: Scene) -> None:
    second = mailbox.create(
        scene.alice.account,
        mailbox.NewMailbox(address="second", domain=scene.alice.mailbox.domain),
        now=scene.clock.now(),
    )
    scene.receive("One", "Two")
    [mine] = scene.receive("Three", box=second)
    [other] = scene.receive("Four")
    _, text = keys.create_agent_key(scene.alice.agent, name="scoped", mailboxes=[second], now=scene.clock.now())
    scoped = Api(text)
    answer = scoped.get(f"/mailboxes/{second.pk}/messages/{mine.pk}")
    assert (answer.status, answer.headers["X-Robotomail-Inbound-Quota"]) == (402, "4/2")
    assert scoped.get(f"/mailboxes/{second.pk}/messages").json["metadata"]["overLimitCount"] == 1
    assert scoped.get(f"{scene.box}/messages/{other.pk}").status == 404
    assert scoped.get(f"/mailboxes/{second.pk}/messages/{other.pk}").status == 404
    assert scoped.get("/account").status == 403


def test_a_stranger_is_told_nothing_of_a_withheld_message(scene: Scene) -> None:
    *_, third = scene.receive("One", "Two", "Three")
    charlie = builders.tenant("charlie")
    assert Api(charlie.key_text).get(f"{scene.box}/messages/{third.pk}").status == 404
    assert Api(charlie.key_text).get(f"/mailboxes/{charlie.mailbox.pk}/messages/{third.pk}").status == 404


@pytest.mark.parametrize(
    ("received", "status"),
    [
        (0, None),
        (49, None),
        (50, "approaching"),
        (79, "approaching"),
        (80, "near"),
        (99, "near"),
        (100, "limit_reached"),
    ],
)
def test_lists_tell_how_near_the_limit_is_from_half_of_it_on(scene: Scene, received: int, status: str | None) -> None:
    scene.allow(100)
    builders.received(scene.alice.account, received)
    for what in ("messages", "threads"):
        metadata = scene.api.get(f"{scene.box}/{what}").json["metadata"]
        assert wrong(metadata, LIST_METADATA) is None
        hint = metadata.get("limitHint")
        assert (hint and hint["status"]) == status
        if hint:
            told = {"current": received, "limit": 100, "percentage": received, "reset_date": RESET, "status": status}
            assert hint == told


def test_the_hint_counts_on_beyond_the_limit(scene: Scene) -> None:
    scene.receive("One", "Two", "Three")
    hint = scene.api.get(f"{scene.box}/messages").json["metadata"]["limitHint"]
    assert (hint["current"], hint["limit"], hint["percentage"], hint["status"]) == (3, 2, 150, "limit_reached")


def test_an_unlimited_account_is_told_no_hint(scene: Scene) -> None:
    scene.allow(0)
    scene.receive("One", "Two", "Three")
    answer = scene.api.get(f"{scene.box}/messages")
    assert "limitHint" not in answer.json["metadata"]
    assert answer.headers["X-Robotomail-Inbound-Quota"] == "3/unlimited"
    assert "X-Robotomail-Inbound-Warning" not in answer.headers


def test_sending_and_its_answer_go_on_over_the_limit(scene: Scene) -> None:
    scene.receive("One", "Two", "Three")
    sent = scene.api.post(
        f"{scene.box}/messages", {"to": ["kim@friends.example"], "subject": "On we go", "bodyText": "Yes.\n"}
    )
    assert (sent.status, sent.json["message"]["overLimit"]) == (201, False)
    assert sent.headers["X-Robotomail-Inbound-Warning"] == "reached"
    assert scene.listed() == ["On we go", "Two", "One"]


def test_a_list_walks_past_no_withheld_mail(scene: Scene) -> None:
    scene.receive("One", "Two", *(f"Withheld {number}" for number in range(30)))
    with CaptureQueriesContext(connection) as queries:
        scene.listed(direction="INBOUND")
    [page] = [one["sql"] for one in queries if one["sql"].startswith('SELECT "messaging_message"."created_at"')]
    with connection.cursor() as cursor:
        plans.only_in_order(cursor)
        cursor.execute(f"EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF) {page}")
        plan = "\n".join(line for (line,) in cursor.fetchall())
    assert "message_by_mailbox" in plan
    assert "Rows Removed" not in plan


def test_the_account_counts_no_withheld_mail_of_a_deleted_mailbox(scene: Scene) -> None:
    second = mailbox.create(
        scene.alice.account,
        mailbox.NewMailbox(address="second", domain=scene.alice.mailbox.domain),
        now=scene.clock.now(),
    )
    scene.receive("One", "Two")
    scene.receive("Three", box=second)
    mailbox.delete(second, by="test", now=scene.clock.now())
    assert scene.account()["overLimitMessageCount"] == inbound_usage.withheld_of(scene.alice.account) == 0


def test_the_second_account_of_the_test_has_a_limit_of_its_own(scene: Scene) -> None:
    bob: Tenant = builders.tenant("bob")
    scene.receive("One", "Two", "Three")
    assert len(scene.receive("One", "Two", "Three", box=bob.mailbox)) == 3
    assert len(Api(bob.key_text).get(f"/mailboxes/{bob.mailbox.pk}/messages").json["messages"]) == 3
