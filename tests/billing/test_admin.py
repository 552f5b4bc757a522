"""What operators do about plans in Django admin."""

from __future__ import annotations

import json

import pytest
from django.test import Client
from django.urls import reverse

from billing import checkouts
from billing.checkouts import Asked
from billing.models import Checkout, CheckoutState
from mailboxes import clock
from mailboxes.models import Event, User
from tests.builders import Tenant

pytestmark = pytest.mark.django_db

LIST = "admin:billing_checkout_changelist"


@pytest.fixture
def checkout(alice: Tenant) -> Checkout:
    return checkouts.open_(alice.account, Asked("growth", "monthly", "agent:test"), now=clock.now()).checkout


def plan_of(owner: Tenant) -> str:
    owner.account.refresh_from_db()
    return owner.account.plan


def act(desk: Client, action: str, checkout: Checkout, **more: str) -> str:
    asked = {"action": action, "_selected_action": [str(checkout.pk)], **more}
    return desk.post(reverse(LIST), asked, follow=True).content.decode()


def test_an_approval_is_asked_twice(alice: Tenant, desk: Client, checkout: Checkout, operator: User) -> None:
    question = act(desk, "approve", checkout)
    assert f"{alice.account.slug}: growth, monthly, USD 79" in question
    assert plan_of(alice) == "free"
    act(desk, "approve", checkout, confirmed="yes")
    assert plan_of(alice) == "growth"
    event = Event.objects.get(account=alice.account, kind="billing.plan_changed")
    assert json.loads(event.data)["by"] == f"operator:{operator.pk}"


def test_what_is_over_is_not_approved_again(alice: Tenant, desk: Client, checkout: Checkout) -> None:
    act(desk, "decline", checkout)
    assert "This checkout is over." in act(desk, "approve", checkout, confirmed="yes")
    assert (plan_of(alice), Checkout.objects.get().state) == ("free", CheckoutState.DECLINED)


def test_a_plan_is_given_by_hand(alice: Tenant, desk: Client) -> None:
    page = reverse("admin:billing_accountplan_change", args=[alice.account.pk])
    assert desk.get(page).status_code == 200
    assert desk.post(page, {"plan": "scale", "period": "annual"}).status_code == 302
    assert plan_of(alice) == "scale"
    assert desk.post(page, {"plan": "golden", "period": "annual"}).status_code == 200
    assert plan_of(alice) == "scale"


@pytest.mark.parametrize("name", ["checkout", "subscription", "ending", "accountplan"])
def test_every_list_opens_and_adds_nothing(alice: Tenant, desk: Client, checkout: Checkout, name: str) -> None:
    assert desk.get(reverse(f"admin:billing_{name}_changelist")).status_code == 200
    assert desk.get(reverse(f"admin:billing_{name}_add")).status_code == 403


def test_a_checkout_is_looked_at_and_not_edited(desk: Client, checkout: Checkout) -> None:
    page = reverse("admin:billing_checkout_change", args=[checkout.pk])
    assert desk.get(page).status_code == 200
    assert desk.post(page, {"state": "completed"}).status_code == 403
