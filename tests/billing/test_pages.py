"""Pages about money: members see their own account, whoever has a checkout's address sees that checkout."""

from __future__ import annotations

import pytest
from django.test import Client
from pytest_django import Settings

from billing import checkouts, subscriptions
from billing.checkouts import Asked
from billing.models import Checkout, CheckoutState
from billing.plans import get
from mailboxes import checkout_links, clock, test_accounts
from mailboxes.models import Member, Role, User
from tests import builders
from tests.api_client import Api
from tests.builders import Tenant
from tests.fakes.stripe import FakeStripe

pytestmark = pytest.mark.django_db


def browser(person: Member) -> Client:
    client = Client()
    client.force_login(person.user, backend="django.contrib.auth.backends.ModelBackend")
    return client


def page_of(owner: Tenant, plan: str = "developer") -> str:
    """The address of a checkout's page, as the agent gets it."""
    asked = Asked(plan, "monthly", owner.agent_actor.identity)
    return checkout_links.url(checkouts.open_(owner.account, asked, now=clock.now()).checkout.pk)


def plan_of(owner: Tenant) -> str:
    owner.account.refresh_from_db()
    return owner.account.plan


def test_the_address_that_agents_are_told_is_there(alice: Tenant) -> None:
    hint = Api(alice.key_text).get(f"/mailboxes/{alice.mailbox.pk}/messages").json["metadata"]["upgrade"]
    path = hint["browserUrl"].removeprefix("http://127.0.0.1:8000")
    page = browser(alice.owner).get(path)
    assert page.status_code == 200
    assert "no-store" in page.headers["Cache-Control"]
    text = page.content.decode()
    assert f"{alice.account.slug} has the plan <strong>free</strong>" in text
    for words in ("1 of 3", "0 of 100", "0 bytes of 1 GB", "USD 19", "USD 199", "15,000", "unlimited"):
        assert words in text


def test_who_is_not_signed_in_signs_in_first(client: Client) -> None:
    page = client.get("/billing")
    assert (page.status_code, page.headers["Location"]) == (302, "/login/?next=%2Fbilling%2F")


def test_an_operator_without_an_account_has_no_plan(desk: Client) -> None:
    assert desk.get("/billing/").status_code == 403


def test_a_password_that_an_agent_knows_opens_nothing() -> None:
    alice = builders.tenant(is_verified=False)
    assert browser(alice.owner).get("/billing/").status_code == 403


def test_an_owner_asks_for_a_plan_and_comes_to_its_page(alice: Tenant) -> None:
    answer = browser(alice.owner).post("/billing/upgrade/", {"plan": "growth", "period": "annual"})
    checkout = Checkout.objects.get()
    assert (answer.status_code, answer.headers["Location"]) == (
        302,
        checkout_links.url(checkout.pk).removeprefix("http://127.0.0.1:8000"),
    )
    assert (checkout.plan, checkout.period, checkout.asked_by) == ("growth", "annual", f"member:{alice.owner.pk}")
    assert "growth, annual" in browser(alice.owner).get("/billing/").content.decode()


@pytest.mark.parametrize("role", [Role.REVIEWER, Role.VIEWER])
def test_who_does_not_manage_the_account_sees_the_plans_and_asks_for_none(alice: Tenant, role: Role) -> None:
    rhea = browser(builders.member(alice.account, role=role))
    assert "Ask for it" not in rhea.get("/billing/").content.decode()
    assert rhea.post("/billing/upgrade/", {"plan": "growth", "period": "monthly"}).status_code == 403
    assert not Checkout.objects.exists()


@pytest.mark.parametrize("asked", [{}, {"plan": "golden", "period": "monthly"}, {"plan": "growth", "period": "daily"}])
def test_a_form_that_asks_for_nonsense_is_told_so(alice: Tenant, asked: dict[str, str]) -> None:
    page = browser(alice.owner).post("/billing/upgrade/", asked)
    assert page.status_code == 400
    assert 'role="alert"' in page.content.decode()


def test_a_form_of_another_site_asks_for_nothing(alice: Tenant) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(alice.owner.user, backend="django.contrib.auth.backends.ModelBackend")
    assert strict.post("/billing/upgrade/", {"plan": "growth", "period": "monthly"}).status_code == 403


def test_without_plans_the_page_says_who_sets_the_limits(alice: Tenant, settings: Settings) -> None:
    settings.PLANS = "off"
    member = browser(alice.owner)
    text = member.get("/billing/").content.decode()
    assert "its operator sets the limits" in text
    assert "USD" not in text
    assert member.post("/billing/upgrade/", {"plan": "growth", "period": "monthly"}).status_code == 503


def test_whoever_has_the_address_sees_what_is_asked_and_decides_nothing(alice: Tenant, client: Client) -> None:
    url = page_of(alice)
    text = client.get(url).content.decode()
    assert alice.account.slug in text
    assert "USD 19" in text
    assert "<form" not in text
    for visitor in (client, browser(alice.owner)):
        assert visitor.post(f"{url}decide/", {"decision": "approve"}).status_code == 403
    assert plan_of(alice) == "free"


@pytest.mark.parametrize(
    "change", [lambda token: token[:-1] + "-", lambda token: token.partition(":")[0], lambda _: "x"]
)
def test_a_guessed_address_is_a_404(alice: Tenant, client: Client, change: object) -> None:
    token = page_of(alice).rstrip("/").rpartition("/")[2]
    assert callable(change)
    for path in ("", "decide/"):
        method = client.post if path else client.get
        assert method(f"/billing/checkout/{change(token)}/{path}").status_code == 404


def test_another_checkouts_signature_opens_nothing(alice: Tenant, client: Client) -> None:
    tokens = [page_of(alice, plan).rstrip("/").rpartition("/")[2] for plan in ("developer", "growth")]
    mixed = f"{tokens[0].partition(':')[0]}:{tokens[1].partition(':')[2]}"
    assert client.get(f"/billing/checkout/{mixed}/").status_code == 404


def test_an_operator_approves_and_the_limits_rise_at_once(alice: Tenant, desk: Client) -> None:
    url = page_of(alice, "growth")
    assert "Approve" in desk.get(url).content.decode()
    assert desk.post(f"{url}decide/", {"decision": "approve"}, follow=True).status_code == 200
    assert plan_of(alice) == "growth"
    assert "Done: the account has the plan." in desk.get(url).content.decode()
    assert desk.post(f"{url}decide/", {"decision": "approve"}).status_code == 409


def test_an_operator_declines_and_nothing_changes(alice: Tenant, desk: Client, client: Client) -> None:
    url = page_of(alice)
    desk.post(f"{url}decide/", {"decision": "decline"})
    assert (plan_of(alice), Checkout.objects.get().state) == ("free", CheckoutState.DECLINED)
    assert "An operator declined it" in client.get(url).content.decode()


def test_an_approval_never_takes_a_larger_plan_away(alice: Tenant, desk: Client) -> None:
    url = page_of(alice)
    subscriptions.grant(alice.account, get("scale"), period="monthly", by="operator:test", now=clock.now())
    assert desk.post(f"{url}decide/", {"decision": "approve"}).status_code == 409
    assert plan_of(alice) == "scale"


@pytest.mark.parametrize("decision", ["", "APPROVE", "pay"])
def test_another_word_than_approve_or_decline_is_a_400(alice: Tenant, desk: Client, decision: str) -> None:
    assert desk.post(f"{page_of(alice)}decide/", {"decision": decision}).status_code == 400


def test_an_operator_who_was_sent_away_decides_nothing(alice: Tenant, desk: Client) -> None:
    url = page_of(alice)
    checkout = Checkout.objects.get()
    User.objects.filter(is_staff=True).update(is_active=False)
    assert desk.post(f"{url}decide/", {"decision": "approve"}).status_code == 403
    assert checkouts.is_open(checkout, now=clock.now())


def test_the_page_of_stripes_checkout_leads_there_and_offers_no_approval(
    alice: Tenant, stripe: FakeStripe, client: Client, desk: Client
) -> None:
    url = page_of(alice)
    for visitor in (client, desk):
        text = visitor.get(url).content.decode()
        assert stripe.only_session()["url"] in text
        assert "<form" not in text
    assert desk.post(f"{url}decide/", {"decision": "approve"}).status_code == 409
    assert plan_of(alice) == "free"


def test_a_failing_stripe_is_told_on_the_page(alice: Tenant, stripe: FakeStripe) -> None:
    stripe.books.mood = "down"
    page = browser(alice.owner).post("/billing/upgrade/", {"plan": "growth", "period": "monthly"})
    assert page.status_code == 502
    assert "nothing was charged" in page.content.decode()


def test_who_looks_at_test_data_sees_the_bill_of_the_account_itself(alice: Tenant) -> None:
    twin = test_accounts.open_for(alice.account, now=clock.now())
    member = browser(alice.owner)
    session = member.session
    session["account"] = str(twin.pk)
    session.save()
    assert f"{alice.account.slug} has the plan" in member.get("/billing/").content.decode()
    member.post("/billing/upgrade/", {"plan": "growth", "period": "monthly"})
    assert Checkout.objects.get().account == alice.account
