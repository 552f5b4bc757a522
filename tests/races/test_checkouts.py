"""Eight calls at once open one checkout; two plans at once leave one plan."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from pytest_django import Settings

from billing import plans, reconciling, subscriptions
from billing.models import Checkout, Ending, Subscription
from mailboxes import billing_pauses, clock, departure, mailbox
from mailboxes.errors import Problem
from mailboxes.models import Event, Limit, Mailbox, MailboxStatus
from tests import builders
from tests.api_client import Answer, Api
from tests.builders import Tenant
from tests.fakes.stripe import KEY, FakeStripe, fake_stripe
from tests.postman import mails_to
from tests.races.harness import THREADS, Act, family, in_rounds, race

pytestmark = [pytest.mark.race, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def alice() -> Tenant:
    return builders.tenant()


@pytest.fixture
def stripe(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeStripe]:
    # Who is told that another one asks already comes again until that one has its answer, however slow it is.
    monkeypatch.setattr("billing.stripe_api.REPETITIONS", 30)
    monkeypatch.setattr("billing.stripe_api.TIMEOUT_SECONDS", 60)
    with fake_stripe() as server:
        settings.STRIPE_SECRET_KEY, settings.STRIPE_API_URL = KEY, server.url
        server.books.mood = "slow"  # so that all of them meet there
        yield server


def upgrade(owner: Tenant) -> Answer:
    return Api(owner.key_text).post("/billing/upgrade")


def check_one_checkout(owner: Tenant, results: list[object]) -> None:
    answers = [result for result in results if isinstance(result, Answer)]
    assert sorted(answer.status for answer in answers) == [200] * (THREADS - 1) + [201]
    assert len({answer.json["checkout_url"] for answer in answers}) == 1
    assert Checkout.objects.filter(account=owner.account).count() == 1
    assert Event.objects.filter(account=owner.account, kind="billing.checkout_opened").count() == 1
    assert mails_to(owner.owner.user.email, subject__startswith="Upgrade").count() == 1


def test_eight_calls_at_once_open_one_session_at_stripe(alice: Tenant, stripe: FakeStripe) -> None:
    check_one_checkout(alice, race([lambda: upgrade(alice)] * THREADS))
    assert len(stripe.books.sessions) == 1


def test_eight_calls_at_once_open_one_page(alice: Tenant) -> None:
    check_one_checkout(alice, race([lambda: upgrade(alice)] * THREADS))


def give(owner: Tenant, plan: str) -> None:
    subscriptions.grant(owner.account, plans.get(plan), period="monthly", by="operator:test", now=clock.now())


def test_plans_given_at_once_leave_the_limits_of_one(alice: Tenant) -> None:
    names = ["developer", "growth", "scale", "free"]
    race([lambda name=name: give(alice, name) for name in names * 2])  # type: ignore[misc]  # a default binds the name
    alice.account.refresh_from_db()
    live = list(Subscription.objects.filter(account=alice.account, is_live=True).values_list("plan", flat=True))
    assert live == ([alice.account.plan] if alice.account.plan != "free" else [])
    own = dict(Limit.objects.filter(account=alice.account).values_list("kind", "amount"))
    expected = plans.limits_of(plans.get(alice.account.plan)) if live else {}
    assert own == {str(kind): amount for kind, amount in expected.items()}


def test_mailboxes_made_and_woken_during_a_downgrade_leave_no_more_active_than_allowed(alice: Tenant) -> None:
    for round_number in range(5):
        give(alice, "developer")
        asleep = _make(alice, f"asleep-{round_number}")
        mailbox.change(asleep, status=MailboxStatus.PAUSED, now=clock.now())

        def make(number: int, turn: int = round_number) -> object:
            try:
                return _make(alice, f"made-{turn}-{number}")
            except Problem:
                return None

        wake = lambda box=asleep: mailbox.change(box, status=MailboxStatus.ACTIVE, now=clock.now())  # noqa: E731
        acts = [lambda: give(alice, "free"), wake, *(lambda number=number: make(number) for number in range(6))]
        race(acts)  # type: ignore[arg-type]  # a default binds the name
        active = Mailbox.objects.filter(account=alice.account, status=MailboxStatus.ACTIVE, deleted_at__isnull=True)
        assert active.count() <= 3
        assert billing_pauses.settle(alice.account, by="test", now=clock.now()) == (0, 0)
        for box in Mailbox.objects.filter(account=alice.account, deleted_at__isnull=True).exclude(pk=alice.mailbox.pk):
            mailbox.delete(box, by="test", now=clock.now())


def _make(owner: Tenant, name: str) -> Mailbox:
    asked = mailbox.NewMailbox(address=f"{owner.account.slug}-{name}", domain=owner.mailbox.domain)
    return mailbox.create(owner.account, asked, now=clock.now())


@in_rounds
def test_whatever_is_paid_while_the_account_is_deleted_is_charged_no_more(stripe: FakeStripe, rounds: int) -> None:
    stripe.books.mood = "well"
    with family("deletion: upgrade, pay, hear of it", max(1, rounds // 5), threads=6) as people:
        for _ in range(max(1, rounds // 5)):
            alice = builders.tenant()
            upgrade(alice)
            (session_id,) = Checkout.objects.filter(account=alice.account).values_list("session_id", flat=True)
            stripe.pay(session_id)
            Checkout.objects.filter(account=alice.account).update(next_check_at=clock.now())
            people.race(_acts_of_the_last_day(alice))
            for minutes in (10, 20, 30):
                reconciling.run(now=clock.now() + timedelta(minutes=minutes))
            assert "open" not in {one["status"] for one in stripe.books.sessions.values()}
            assert "active" not in {one["status"] for one in stripe.books.subscriptions.values()}
            assert not Ending.objects.exists()
            people.winners += 1


def _acts_of_the_last_day(owner: Tenant) -> list[Act]:
    api = Api(owner.key_text)
    return [
        lambda: departure.depart(owner.account, by="test", now=clock.now()),
        lambda: reconciling.run(now=clock.now()),
        lambda: reconciling.run(now=clock.now()),
        lambda: api.post("/billing/upgrade", {"plan": "scale"}),
        lambda: api.post("/billing/upgrade", {"plan": "growth"}),
        lambda: give(owner, "developer"),
    ]
