"""`POST /v1/billing/upgrade` where an operator approves."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from pytest_django import Settings

from billing import checkouts, subscriptions
from billing.models import Checkout, CheckoutState
from billing.plans import get
from mailboxes import checkout_links, quotas, suspensions
from mailboxes import clock as the_clock
from mailboxes.models import Account, Event
from messaging.models import Message
from tests import builders
from tests.api_client import Api
from tests.builders import Tenant
from tests.conftest import Clock
from tests.postman import mails_to

pytestmark = pytest.mark.django_db

PATH = "/billing/upgrade"


def test_without_a_body_a_developer_link_of_a_day_is_given(alice: Tenant) -> None:
    answer = Api(alice.key_text).post(PATH)
    assert answer.status == 201
    checkout = Checkout.objects.get(account=alice.account)
    assert (checkout.plan, checkout.period, checkout.amount) == ("developer", "monthly", 1900)
    assert answer.json["checkout_url"] == checkout_links.url(checkout.pk)
    assert answer.json["expires_at"] == int(checkout.expires_at.timestamp())
    assert checkout.expires_at - checkout.created_at == timedelta(hours=24)


def test_asked_again_it_is_the_same_link(alice: Tenant) -> None:
    api = Api(alice.key_text)
    first, again = api.post(PATH, {"plan": "growth"}), api.post(PATH, {"plan": "growth", "period": "monthly"})
    assert (first.status, again.status) == (201, 200)
    assert first.json == again.json
    assert api.post(PATH, {"plan": "growth", "period": "annual"}).status == 201


def test_after_its_day_there_is_another_link(alice: Tenant, clock: Clock) -> None:
    api = Api(alice.key_text)
    first = api.post(PATH)
    clock.advance(days=1, seconds=1)
    second = api.post(PATH)
    assert second.status == 201
    assert second.json["checkout_url"] != first.json["checkout_url"]
    assert Checkout.objects.get(state=CheckoutState.EXPIRED).closed_at is not None


def test_the_same_idempotency_key_gives_the_same_answer_also_when_it_is_paid_meanwhile(alice: Tenant) -> None:
    api = Api(alice.key_text)
    first = api.post(PATH, Idempotency_Key="k1")
    checkouts.approve(Checkout.objects.get(), by="operator:test", now=the_clock.now())
    again = api.post(PATH, Idempotency_Key="k1")
    assert (again.status, again.json) == (201, first.json)
    assert again.headers["Idempotent-Replayed"] == "true"
    assert api.post(PATH, {"plan": "scale"}, Idempotency_Key="k1").status == 422


def test_who_has_the_plan_or_a_larger_one_gets_409(alice: Tenant) -> None:
    subscriptions.grant(alice.account, get("growth"), period="monthly", by="operator:test", now=the_clock.now())
    api = Api(alice.key_text)
    for plan in ("developer", "growth"):
        answer = api.post(PATH, {"plan": plan})
        assert (answer.status, answer.code) == (409, "already_paid")
    assert api.post(PATH, {"plan": "scale"}).status == 201


@pytest.mark.parametrize("body", [{"plan": "free"}, {"plan": "golden"}, {"period": "weekly"}, {"plan": 7}, {"paln": 1}])
def test_an_unknown_plan_or_period_is_a_400(alice: Tenant, body: dict[str, object]) -> None:
    assert Api(alice.key_text).post(PATH, body).status == 400
    assert not Checkout.objects.exists()


def test_without_plans_it_is_503_and_the_account_says_so(alice: Tenant, settings: Settings) -> None:
    settings.PLANS = "off"
    api = Api(alice.key_text)
    assert (api.post(PATH).status, api.post(PATH).code) == (503, "billing_off")
    assert not any(api.get("/account").json["account"]["annualAvailability"].values())


def test_scoped_and_deciding_keys_are_refused(alice: Tenant) -> None:
    scoped = Api(alice.key_text).post("/api-keys", {"mailboxIds": [str(alice.mailbox.pk)]}).json["key"]
    decides = builders.decide_key(alice.owner)
    for key in (scoped, decides):
        assert Api(key).post(PATH).status == 403


def test_a_suspended_account_may_pay(alice: Tenant) -> None:
    suspensions.suspend(alice.account, reason="bounces", by="operator:test", now=the_clock.now())
    assert Api(alice.key_text).post(PATH).status == 201


def test_the_owner_gets_the_link_by_mail_once_and_the_log_does_not_hold_it(alice: Tenant) -> None:
    api = Api(alice.key_text)
    url = api.post(PATH).json["checkout_url"]
    api.post(PATH)
    (mail,) = mails_to(alice.owner.user.email, subject__startswith="Upgrade")
    assert url in mail.body_text
    assert url in (mail.body_html or "")
    event = Event.objects.get(account=alice.account, kind="billing.checkout_opened")
    assert set(json.loads(event.data)) == {"checkout_id", "plan", "period", "by"}
    assert checkout_links.token(event.subject).rpartition(":")[2] not in event.data


def test_nobody_is_mailed_at_an_address_that_nobody_has_confirmed() -> None:
    stranger = builders.tenant(is_verified=False)
    assert Api(stranger.key_text).post(PATH).status == 201
    assert not Message.objects.filter(subject__startswith="Upgrade").exists()


def test_the_account_tells_how_it_pays(alice: Tenant) -> None:
    api = Api(alice.key_text)
    free = api.get("/account").json["account"]
    assert (free["plan"], free["billingPeriod"], free["billingLinked"]) == ("free", "monthly", False)
    assert free["annualAvailability"] == {"developer": True, "growth": True, "scale": True}
    subscriptions.grant(alice.account, get("growth"), period="annual", by="operator:test", now=the_clock.now())
    paid = api.get("/account").json["account"]
    assert (paid["plan"], paid["billingPeriod"], paid["billingLinked"]) == ("growth", "annual", False)
    assert (paid["monthlyInboundLimit"], paid["storageLimitBytes"]) == (20_000, 25 * 1024**3)


def test_a_test_key_pays_nothing_and_its_data_has_the_accounts_limits(alice: Tenant) -> None:
    key = Api(alice.key_text).post("/api-keys", {"environment": "test"}).json["key"]
    answer = Api(key).post(PATH)
    assert (answer.status, answer.code) == (403, "wrong_environment")
    subscriptions.grant(alice.account, get("growth"), period="monthly", by="operator:test", now=the_clock.now())
    twin = Account.objects.get(test_of=alice.account)
    assert (twin.plan, quotas.limits_of(twin)) == ("growth", quotas.limits_of(alice.account))
