"""Whose a webhook is: which keys see, make and change it, and what a suspension, a limit and a repetition mean."""

from __future__ import annotations

from uuid import uuid4

import pytest
from pytest_django import Settings

from mailboxes import clock, mailbox, suspensions
from mailboxes.models import Mailbox
from messaging.models import WebhookEndpoint
from tests import builders
from tests.api_client import Api
from tests.builders import Tenant
from tests.fakes.turncoat_dns import turncoat
from tests.messaging.webhooks import MASKED, NEW, SECRETS, changed, every_act, made
from tests.messaging.webhooks import alice as alice
from tests.messaging.webhooks import api as api
from tests.messaging.webhooks import other_box as other_box
from tests.messaging.webhooks import scoped as scoped

pytestmark = pytest.mark.django_db


def test_a_scoped_key_sees_the_webhooks_of_its_mailboxes_and_no_others(
    alice: Tenant, api: Api, scoped: Api, other_box: Mailbox
) -> None:
    mine = made(api, mailboxId=str(alice.mailbox.pk))
    others = [made(api), made(api, mailboxId=str(other_box.pk))]
    assert [one["id"] for one in scoped.get("/webhooks").json["webhooks"]] == [mine["id"]]
    for other in others:
        assert [answer.status for answer in every_act(scoped, other["id"])] == [404] * 4
    assert [answer.status for answer in every_act(scoped, mine["id"])] == [200] * 4
    assert WebhookEndpoint.objects.count() == 2


def test_a_scoped_key_makes_webhooks_of_its_mailboxes_only(alice: Tenant, scoped: Api, other_box: Mailbox) -> None:
    assert made(scoped, mailboxId=str(alice.mailbox.pk))["mailboxId"] == str(alice.mailbox.pk)
    for fields in ({}, {"mailboxId": None}):
        answer = scoped.post("/webhooks", NEW | fields)
        assert (answer.status, answer.code, answer.json["field"]) == (400, "missing_field", "mailboxId")
    stranger = builders.tenant("charlie").mailbox.pk
    for id in (other_box.pk, stranger, uuid4(), "nothing"):
        assert scoped.post("/webhooks", NEW | {"mailboxId": str(id)}).status == 404


def test_a_stranger_finds_nothing(alice: Tenant) -> None:
    row, _ = builders.webhook(alice)
    charlie = Api(builders.tenant("charlie").key_text)
    assert charlie.get("/webhooks").json == {"webhooks": []}
    for id in (row.pk, uuid4(), "nothing", "%00"):
        assert [answer.status for answer in every_act(charlie, id)] == [404] * 4
    assert charlie.post("/webhooks", NEW | {"mailboxId": str(alice.mailbox.pk)}).status == 404


def test_a_key_that_only_reads_and_decides_looks_at_masks_and_writes_nothing(alice: Tenant) -> None:
    row, _ = builders.webhook(alice, headers=SECRETS)
    rhea = Api(builders.decide_key(builders.member(alice.account)))
    assert rhea.get(f"/webhooks/{row.pk}").json["webhook"]["headers"] == MASKED
    for answer in (rhea.post("/webhooks", NEW), *every_act(rhea, row.pk)[2:]):
        assert (answer.status, answer.code) == (403, "missing_scope")


def test_the_webhooks_of_a_deleted_mailbox_are_gone(alice: Tenant, api: Api, other_box: Mailbox) -> None:
    webhook = made(api, mailboxId=str(other_box.pk))
    mailbox.delete(other_box, by="test", now=clock.now())
    assert api.get("/webhooks").json == {"webhooks": []}
    assert api.get(f"/webhooks/{webhook['id']}").status == 404


def test_webhooks_work_before_the_owner_is_verified() -> None:
    bob = Api(builders.tenant("bob", is_verified=False).key_text)
    assert changed(bob, made(bob), status="PAUSED")["status"] == "PAUSED"


def test_a_suspended_account_looks_and_deletes_and_neither_makes_nor_changes(alice: Tenant, api: Api) -> None:
    webhook = made(api)
    suspensions.suspend(alice.account, reason="bounce_rate_exceeded", by="test", now=clock.now())
    for answer in (api.post("/webhooks", NEW), api.patch(f"/webhooks/{webhook['id']}", {"status": "PAUSED"})):
        assert (answer.status, answer.code, answer.json["suspended"]) == (403, "account_suspended", True)
    assert api.get("/webhooks").status == 200
    assert api.delete(f"/webhooks/{webhook['id']}").status == 200


def test_an_account_has_as_many_webhooks_as_the_setting_says(api: Api, settings: Settings) -> None:
    settings.WEBHOOKS_PER_ACCOUNT = 2
    webhook, _ = made(api), made(api)
    assert api.post("/webhooks", NEW).code == "webhook_limit"
    api.delete(f"/webhooks/{webhook['id']}")
    made(api)
    settings.WEBHOOKS_PER_ACCOUNT = 0
    made(api)


def test_the_webhooks_of_a_deleted_mailbox_do_not_count(api: Api, other_box: Mailbox, settings: Settings) -> None:
    settings.WEBHOOKS_PER_ACCOUNT = 1
    made(api, mailboxId=str(other_box.pk))
    mailbox.delete(other_box, by="test", now=clock.now())
    made(api)


def test_a_repeated_request_makes_one_webhook_and_is_answered_alike(api: Api) -> None:
    first, second = (api.post("/webhooks", NEW, Idempotency_Key="one") for _ in range(2))
    assert (first.status, first.json) == (201, second.json)
    assert len(first.json["webhook"]["secret"]) == 64
    assert WebhookEndpoint.objects.count() == 1
    assert api.post("/webhooks", NEW | {"url": "https://b.example/"}, Idempotency_Key="one").status == 422


def test_a_repeated_request_asks_no_dns(api: Api, settings: Settings) -> None:
    with turncoat({}) as dns, turncoat({}) as again:
        settings.DNS_RESOLVERS = [dns.address]
        first = api.post("/webhooks", NEW, Idempotency_Key="one")
        settings.DNS_RESOLVERS = [again.address]
        assert api.post("/webhooks", NEW, Idempotency_Key="one").json == first.json
        assert dns.asked
        assert not again.asked
