"""Mailboxes and the account over the API."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from mailboxes import clock
from mailboxes.models import Account, Limit, LimitKind, Mailbox, MailboxStatus
from tests import builders
from tests.api_client import Api

pytestmark = pytest.mark.django_db


def test_a_new_mailbox_is_active_at_once_in_the_default_mode() -> None:
    alice = builders.tenant()
    made = Api(alice.key_text).post(
        "/mailboxes", {"address": "Support.Desk", "displayName": "Desk", "metadata": {"team": "a"}}
    )
    box = made.json["mailbox"]
    assert made.status == 201
    assert (box["address"], box["fullAddress"]) == ("Support.Desk", "support.desk@agents.example")
    assert (box["status"], box["mode"], box["displayName"]) == ("ACTIVE", "gated_send", "Desk")
    assert box["metadata"] == {"team": "a"}
    assert box["agent"] == {"id": str(alice.agent.pk), "name": alice.agent.name}


@pytest.mark.parametrize(
    ("asked", "status", "code"),
    [
        ({"address": "-x"}, 400, "invalid_address"),
        ({"address": "x\n"}, 400, "invalid_address"),
        ({"address": "a" * 65}, 400, "invalid_field"),
        ({"address": "x", "displayName": "a <b@c.example>"}, 400, "invalid_display_name"),
        ({"address": "x", "displayName": "a" * 256}, 400, "invalid_field"),
        ({"address": "x", "metadata": {"a": 1}}, 400, "invalid_field"),
        ({"address": "x", "metadata": {str(n): "" for n in range(51)}}, 400, "invalid_metadata"),
        ({"address": "x", "mode": "free"}, 400, "invalid_field"),
        ({"address": "x", "mode": "autonomous"}, 403, "mode_not_stricter"),
        ({"address": "x", "mode": "monitored"}, 403, "mode_not_stricter"),
        ({"address": "x", "domainId": "no-id"}, 404, "NOT_FOUND"),
    ],
)
def test_a_mailbox_that_can_not_be_is_refused(asked: dict[str, object], status: int, code: str) -> None:
    answer = Api(builders.tenant().key_text).post("/mailboxes", asked)
    assert (answer.status, answer.code) == (status, code)


def test_a_key_may_ask_for_a_stricter_mode(settings: Settings) -> None:
    settings.DEFAULT_MODE = "monitored"
    api = Api(builders.tenant().key_text)
    modes = [
        api.post("/mailboxes", {"address": f"a-{mode}"[:20], "mode": mode}).json["mailbox"]["mode"]
        for mode in ("gated_all", "read_only")
    ]
    assert modes == ["gated_all", "read_only"]


def test_a_taken_address_is_a_conflict_also_after_its_mailbox_is_gone() -> None:
    alice, charlie = builders.tenant(), builders.tenant("charlie")
    box = Api(alice.key_text).post("/mailboxes", {"address": "desk"}).json["mailbox"]
    assert Api(charlie.key_text).post("/mailboxes", {"address": "DESK"}).code == "address_taken"
    assert Api(alice.key_text).delete(f"/mailboxes/{box['id']}").json == {"deleted": True}
    assert Api(charlie.key_text).post("/mailboxes", {"address": "desk"}).code == "address_taken"
    assert Api(alice.key_text).get(f"/mailboxes/{box['id']}").status == 404


def test_a_mailbox_over_the_plan_is_refused_with_the_way_to_more() -> None:
    alice = builders.tenant()
    Limit.objects.create(account=alice.account, kind=LimitKind.MAILBOXES, amount=1)
    answer = Api(alice.key_text).post("/mailboxes", {"address": "second"})
    assert (answer.status, answer.code) == (403, "mailbox_limit")
    assert "POST /v1/billing/upgrade" in answer.json["upgrade"]


def test_a_suspended_account_makes_no_mailbox_but_reads() -> None:
    alice = builders.tenant()
    Account.objects.filter(pk=alice.account.pk).update(
        suspended_at=clock.now(), suspended_reason="bounce_rate_exceeded"
    )
    answer = Api(alice.key_text).post("/mailboxes", {"address": "second"})
    assert (answer.status, answer.json["suspended"], answer.json["reason"]) == (403, True, "bounce_rate_exceeded")
    assert Api(alice.key_text).get("/account").json["account"]["suspendedReason"] == "bounce_rate_exceeded"


def test_a_mailbox_is_changed_field_by_field() -> None:
    alice = builders.tenant()
    api, path = Api(alice.key_text), f"/mailboxes/{alice.mailbox.pk}"
    assert api.patch(path, {"displayName": "Hal"}).json["mailbox"]["displayName"] == "Hal"
    paused = api.patch(path, {"status": "PAUSED"}).json["mailbox"]
    assert (paused["status"], paused["displayName"]) == ("PAUSED", "Hal")
    assert api.patch(path, {"displayName": ""}).json["mailbox"]["displayName"] is None
    assert api.patch(path, {"metadata": {"a": "b"}}).json["mailbox"]["metadata"] == {"a": "b"}
    assert api.patch(path, {"status": "SUSPENDED"}).code == "invalid_status"
    assert api.patch(path, {"mode": "autonomous"}).code == "mode_not_stricter"


def test_a_suspended_mailbox_is_not_woken_by_its_key() -> None:
    alice = builders.tenant()
    Mailbox.objects.filter(pk=alice.mailbox.pk).update(status=MailboxStatus.SUSPENDED)
    answer = Api(alice.key_text).patch(f"/mailboxes/{alice.mailbox.pk}", {"status": "ACTIVE"})
    assert (answer.status, answer.code) == (403, "mailbox_suspended")


def test_a_stranger_finds_no_mailbox() -> None:
    alice, charlie = builders.tenant(), Api(builders.tenant("charlie").key_text)
    path = f"/mailboxes/{alice.mailbox.pk}"
    assert charlie.get(path).status == charlie.patch(path, {"displayName": "Mine"}).status == 404
    assert charlie.delete(path).status == 404
    assert Api(alice.key_text).get(path).status == 200


def test_the_list_of_mailboxes_asks_the_database_as_often_for_three_as_for_one() -> None:
    alice = builders.tenant()
    api = Api(alice.key_text)
    with CaptureQueriesContext(connection) as one:
        api.get("/mailboxes")
    for address in ("second", "third"):
        api.post("/mailboxes", {"address": address})
    with CaptureQueriesContext(connection) as three:
        assert len(api.get("/mailboxes").json["mailboxes"]) == 3
    assert len(three) == len(one)


def test_the_account_tells_plan_limits_and_usage() -> None:
    alice = builders.tenant()
    builders.submit(alice, cc=("lee@friends.example",))
    builders.received(alice.account, 7)
    account = Api(alice.key_text).get("/account").json["account"]
    assert (account["email"], account["emailVerified"]) == (alice.owner.user.email, True)
    assert (account["mailboxCount"], account["activeMailboxCount"]) == (1, 1)
    assert (account["sentToday"], account["sentThisMonth"]) == (2, 2)
    assert (account["monthlyInboundCount"], account["monthlyInboundPercentage"]) == (7, 7)
    assert account["monthlyInboundResetAt"].endswith("-01T00:00:00.000Z")
    assert account["storageLimitBytes"] == 1073741824


def test_the_mailbox_tells_what_it_has_sent() -> None:
    alice = builders.tenant()
    builders.submit(alice)
    box = Api(alice.key_text).get(f"/mailboxes/{alice.mailbox.pk}").json["mailbox"]
    assert (box["dailySendCount"], box["dailySendLimit"]) == (1, 100)
    assert (box["monthlySendCount"], box["monthlySendLimit"]) == (1, 5000)
