"""Plans paid at Stripe: a real server speaks its API on loopback, and its webhook comes in as Stripe sends it."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from pytest_django import Settings

from billing import plans, reconciling, subscriptions
from billing.models import Checkout, CheckoutState, Ending, StripeEvent, Subscription
from mailboxes import clock, departure
from mailboxes.errors import Conflict
from mailboxes.models import Event
from tests import builders
from tests.api_client import Answer, Api
from tests.builders import Tenant
from tests.fakes.stripe import FakeStripe, event, signature
from tests.postman import mails_to

pytestmark = pytest.mark.django_db

PATH = "/billing/upgrade"
WEBHOOK = "/billing/stripe/webhook"
COMPLETED = "checkout.session.completed"


def ask(owner: Tenant, plan: str = "developer", period: str = "monthly") -> Answer:
    return Api(owner.key_text).post(PATH, {"plan": plan, "period": period})


def tell(body: bytes, header: str | None = None) -> int:
    """Post an event as Stripe does; the status."""
    signed = {"Stripe-Signature": signature(body) if header is None else header}
    return Client().post(WEBHOOK, body, content_type="application/json", headers=signed).status_code


def look(*, later: timedelta = timedelta(0)) -> None:
    """What the worker does when it is rung or sweeps."""
    reconciling.run(now=clock.now() + later)


def plan_of(owner: Tenant) -> str:
    owner.account.refresh_from_db()
    return owner.account.plan


def session_of(owner: Tenant, plan: str) -> str:
    """The id of the open session."""
    rows = Checkout.objects.filter(account=owner.account, plan=plan, state=CheckoutState.OPEN)
    (session_id,) = rows.values_list("session_id", flat=True)
    return str(session_id)


def pay(stripe: FakeStripe, owner: Tenant, plan: str = "developer") -> dict[str, Any]:
    """Ask, pay, and have it noticed; the subscription at Stripe."""
    assert ask(owner, plan).status == 201
    session = session_of(owner, plan)
    bought = stripe.pay(session)
    assert tell(event(COMPLETED, stripe.books.sessions[session])) == 200
    look()
    return bought


def test_the_link_is_stripes_own_and_the_session_says_what_is_sold(alice: Tenant, stripe: FakeStripe) -> None:
    answer = ask(alice, "growth", "annual")
    session = stripe.only_session()
    assert (answer.status, answer.json["checkout_url"]) == (201, session["url"])
    assert answer.json["expires_at"] == session["expires_at"]
    assert (session["amount_total"], session["currency"], session["_interval"]) == (71_100, "usd", "year")
    assert session["customer_email"] == alice.owner.user.email
    assert (ask(alice, "growth", "annual").status, len(stripe.books.sessions)) == (200, 1)


def test_once_paid_the_limits_rise_and_the_account_says_so(alice: Tenant, stripe: FakeStripe) -> None:
    pay(stripe, alice, "growth")
    told = Api(alice.key_text).get("/account").json["account"]
    assert (told["plan"], told["billingLinked"], told["monthlyInboundLimit"]) == ("growth", True, 20_000)
    assert Checkout.objects.get().state == CheckoutState.COMPLETED
    assert ask(alice, "growth").status == 409


def test_a_lost_webhook_loses_nothing(alice: Tenant, stripe: FakeStripe) -> None:
    ask(alice)
    stripe.pay(stripe.only_session()["id"])
    look()
    assert plan_of(alice) == "free"
    look(later=timedelta(minutes=3))
    assert plan_of(alice) == "developer"


def test_paid_in_the_last_minute_and_noticed_days_later_it_still_counts(alice: Tenant, stripe: FakeStripe) -> None:
    ask(alice)
    stripe.pay(stripe.only_session()["id"])
    Checkout.objects.update(expires_at=clock.now())
    assert ask(alice).status == 201  # ours is over, so the agent gets another
    assert Checkout.objects.filter(state=CheckoutState.EXPIRED).count() == 1
    look(later=timedelta(days=3))
    assert plan_of(alice) == "developer"
    look(later=timedelta(days=4))
    assert {session["status"] for session in stripe.books.sessions.values()} == {"complete", "expired"}


@pytest.mark.parametrize(
    "header",
    [
        "",
        "t=1",
        "nonsense",
        "t=1,v1=00",
        signature(b"{}", secret="whsec_other"),
        signature(b"another body"),
        signature(b"{}", age=301),
    ],
    ids=["none", "no signature", "no form", "made up", "another secret", "another body", "too old"],
)
def test_what_stripe_has_not_just_signed_is_refused(stripe: FakeStripe, header: str) -> None:
    assert tell(b"{}", header) == 400
    assert not StripeEvent.objects.exists()


def test_without_a_secret_nobody_is_heard(settings: Settings) -> None:
    settings.STRIPE_WEBHOOK_SECRET = ""
    assert tell(b"{}") == 404


@pytest.mark.parametrize(
    "body",
    [b"{}", b"[]", b'{"id": 7, "type": "checkout.session.completed"}', event("x.y", {})],
    ids=["empty", "list", "no text for an id", "unknown kind"],
)
def test_signed_words_that_mean_nothing_to_us_are_accepted_and_change_nothing(stripe: FakeStripe, body: bytes) -> None:
    assert tell(body) == 200
    assert not StripeEvent.objects.exists()


def test_a_signed_body_that_is_no_text_is_a_400(stripe: FakeStripe) -> None:
    assert tell(b"\xff\xfe", "t=1,v1=00") == 400


def test_an_event_that_comes_again_has_its_effect_once(alice: Tenant, stripe: FakeStripe) -> None:
    bought = pay(stripe, alice)
    failed = event("invoice.payment_failed", {"id": "in_1", "subscription": bought["id"]}, event_id="evt_1")
    assert [tell(failed) for _ in range(3)] == [200, 200, 200]
    assert Event.objects.filter(account=alice.account, kind="billing.payment_failed").count() == 1


def test_a_failed_payment_is_told_and_the_plan_stays_until_stripe_gives_up(alice: Tenant, stripe: FakeStripe) -> None:
    bought = pay(stripe, alice)
    stripe.set_status(bought["id"], "past_due")
    newer = {"id": "in_1", "parent": {"subscription_details": {"subscription": bought["id"]}}}
    tell(event("invoice.payment_failed", newer))
    look()
    assert (plan_of(alice), Subscription.objects.get().status) == ("developer", "past_due")
    tell(event("customer.subscription.deleted", stripe.set_status(bought["id"], "canceled")))
    look()
    assert plan_of(alice) == "free"


def test_events_in_the_wrong_order_come_to_the_same_end(alice: Tenant, stripe: FakeStripe) -> None:
    """Its subscription is heard of before the checkout; and what an event says is old by the time it is heard."""
    ask(alice)
    session = stripe.only_session()
    bought = stripe.pay(session["id"])
    tell(event("customer.subscription.updated", {**bought, "status": "incomplete"}))
    look()
    assert plan_of(alice) == "developer"
    tell(event("checkout.session.expired", session))
    tell(event("customer.subscription.deleted", bought))
    look()
    assert plan_of(alice) == "developer"
    assert Checkout.objects.get().state == CheckoutState.COMPLETED


def test_an_event_about_somebody_elses_subscription_is_ignored(alice: Tenant, stripe: FakeStripe) -> None:
    pay(stripe, alice)
    stranger = {"id": "sub_stranger", "metadata": {"checkout": "not-an-id"}, "status": "canceled"}
    assert tell(event("customer.subscription.deleted", stranger)) == 200
    look()
    assert plan_of(alice) == "developer"


def test_a_cancelled_subscription_is_noticed_without_a_word(alice: Tenant, stripe: FakeStripe) -> None:
    bought = pay(stripe, alice)
    stripe.set_status(bought["id"], "canceled")
    look(later=timedelta(hours=7))
    assert plan_of(alice) == "free"


def test_a_payment_that_takes_days_gives_the_plan_when_it_arrives(alice: Tenant, stripe: FakeStripe) -> None:
    ask(alice)
    session = stripe.only_session()
    bought = stripe.pay(session["id"], status="incomplete")
    tell(event(COMPLETED, session))
    look()
    assert (plan_of(alice), Checkout.objects.get().state) == ("free", CheckoutState.OPEN)
    stripe.set_status(bought["id"], "active")
    tell(event("checkout.session.async_payment_succeeded", session))
    look()
    assert plan_of(alice) == "developer"


def test_a_payment_that_never_arrives_ends_the_checkout(alice: Tenant, stripe: FakeStripe) -> None:
    ask(alice)
    stripe.pay(stripe.only_session()["id"], status="incomplete_expired")
    look(later=timedelta(hours=1))
    assert (plan_of(alice), Checkout.objects.get().state) == ("free", CheckoutState.EXPIRED)


def test_an_answer_that_is_lost_is_asked_for_again_and_it_is_the_same_session(
    alice: Tenant, stripe: FakeStripe
) -> None:
    stripe.books.mood = "mute"
    lost = ask(alice)
    assert (lost.status, lost.code, lost.headers["Retry-After"]) == (502, "stripe_failed", "60")
    assert Checkout.objects.get().session_id == ""
    stripe.books.mood = "well"
    assert ask(alice).status == 200
    assert Checkout.objects.get().session_id == stripe.only_session()["id"]
    assert mails_to(alice.owner.user.email, subject__startswith="Upgrade").count() == 1


def test_a_sweep_asks_again_where_nobody_else_does(alice: Tenant, stripe: FakeStripe) -> None:
    stripe.books.mood = "mute"
    ask(alice)
    stripe.books.mood = "well"
    look(later=timedelta(minutes=3))
    assert Checkout.objects.get().session_id == stripe.only_session()["id"]
    assert mails_to(alice.owner.user.email, later=timedelta(minutes=3), subject__startswith="Upgrade").count() == 1


def test_a_refusal_of_stripes_is_final_for_that_row_and_the_next_call_takes_another(
    alice: Tenant, stripe: FakeStripe, settings: Settings
) -> None:
    settings.STRIPE_SECRET_KEY = "sk_wrong"
    assert (ask(alice).status, ask(alice).status) == (502, 502)
    assert set(Checkout.objects.values_list("state", flat=True)) == {CheckoutState.FAILED}
    settings.STRIPE_SECRET_KEY = "sk_test_fake"
    assert ask(alice).status == 201


def test_nothing_of_stripes_reaches_the_caller_when_it_fails(alice: Tenant, stripe: FakeStripe) -> None:
    stripe.books.mood = "down"
    assert "Stripe is down" not in json.dumps(ask(alice).json)


def test_a_larger_plan_is_paid_by_the_same_customer_and_ends_the_smaller_one(alice: Tenant, stripe: FakeStripe) -> None:
    small = pay(stripe, alice, "developer")
    large = pay(stripe, alice, "scale")
    assert large["customer"] == small["customer"]
    assert plan_of(alice) == "scale"
    look()
    assert (stripe.books.subscriptions[small["id"]]["status"], large["status"]) == ("canceled", "active")
    assert not Ending.objects.exists()
    tell(event("customer.subscription.deleted", small))
    look()
    assert plan_of(alice) == "scale"


def test_two_paid_at_once_keep_the_larger_whichever_is_heard_of_first(alice: Tenant, stripe: FakeStripe) -> None:
    ask(alice, "growth")
    ask(alice, "developer")
    large, small = (stripe.pay(session_of(alice, plan))["id"] for plan in ("growth", "developer"))
    tell(event(COMPLETED, {"id": session_of(alice, "growth")}))
    look()
    look(later=timedelta(hours=1))
    assert plan_of(alice) == "growth"
    assert stripe.books.subscriptions[large]["status"] == "active"
    assert stripe.books.subscriptions[small]["status"] == "canceled"


def test_what_the_account_has_by_now_can_not_be_paid_again(alice: Tenant, stripe: FakeStripe) -> None:
    ask(alice, "developer")
    pay(stripe, alice, "growth")
    look()
    look(later=timedelta(minutes=30))
    assert Checkout.objects.get(plan="developer").state == CheckoutState.EXPIRED
    assert stripe.books.sessions[Checkout.objects.get(plan="developer").session_id]["status"] == "expired"


def test_an_operator_gives_more_than_is_paid_but_never_less(alice: Tenant, stripe: FakeStripe) -> None:
    pay(stripe, alice, "growth")
    with pytest.raises(Conflict, match="pays for growth"):
        subscriptions.grant(alice.account, plans.FREE, period="monthly", by="operator:test", now=clock.now())
    subscriptions.grant(alice.account, plans.get("scale"), period="monthly", by="operator:test", now=clock.now())
    assert plan_of(alice) == "scale"


def test_a_deleted_account_is_charged_no_more_and_stripe_forgets_it(alice: Tenant, stripe: FakeStripe) -> None:
    bought = pay(stripe, alice, "developer")
    ask(alice, "scale")
    stripe.books.mood = "down"
    departure.depart(alice.account, by="test", now=clock.now())
    look()
    Checkout.objects.filter(account=alice.account).delete()
    Subscription.objects.filter(account=alice.account).delete()
    assert Ending.objects.exists()
    stripe.books.mood = "well"
    for hours in (1, 2, 3):
        look(later=timedelta(hours=hours))
    assert stripe.books.subscriptions[bought["id"]]["status"] == "canceled"
    assert stripe.books.customers == {}
    assert "open" not in {session["status"] for session in stripe.books.sessions.values()}
    assert not Ending.objects.exists()


def test_what_was_paid_in_the_moment_of_the_deletion_is_ended_too(alice: Tenant, stripe: FakeStripe) -> None:
    ask(alice)
    bought = stripe.pay(stripe.only_session()["id"])
    departure.depart(alice.account, by="test", now=clock.now())
    look()
    look(later=timedelta(minutes=1))
    assert stripe.books.subscriptions[bought["id"]]["status"] == "canceled"
    assert (plan_of(alice), stripe.books.customers) == ("free", {})


def test_while_stripe_is_down_a_sweep_waits_for_it_once_and_changes_nothing(alice: Tenant, stripe: FakeStripe) -> None:
    bought = pay(stripe, alice)
    stripe.books.mood = "down"
    look(later=timedelta(hours=7))
    assert plan_of(alice) == "developer"
    stripe.books.mood = "well"
    stripe.set_status(bought["id"], "canceled")
    look(later=timedelta(hours=8))
    assert plan_of(alice) == "free"


def test_another_stripe_account_that_knows_nothing_of_us_takes_no_plan_away(alice: Tenant, stripe: FakeStripe) -> None:
    pay(stripe, alice)
    stripe.books.subscriptions.clear()
    look(later=timedelta(hours=7))
    assert plan_of(alice) == "developer"


def test_the_ids_of_old_events_are_forgotten(alice: Tenant, stripe: FakeStripe) -> None:
    pay(stripe, alice)
    assert StripeEvent.objects.exists()
    look(later=timedelta(days=31))
    assert not StripeEvent.objects.exists()


def test_a_strangers_payment_is_not_alices(alice: Tenant, stripe: FakeStripe) -> None:
    charlie = builders.tenant("charlie")
    pay(stripe, charlie)
    assert (plan_of(alice), plan_of(charlie)) == ("free", "developer")
