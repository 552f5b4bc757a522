"""An account that was deleted: from that moment nothing of it works, is seen or leaves."""

from __future__ import annotations

from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import transaction
from django.test import Client
from django.urls import reverse

from mailboxes import accounts, addresses, clock, departure, keys, mailbox
from mailboxes.errors import Conflict, Gone, Invalid, Unauthenticated
from mailboxes.models import Account, Erasure, Event, Mailbox, User
from mailboxes.modes import OversightMode
from messaging.models import Attempt, Recipient
from messaging.outbound import dispatch, outbox
from tests import builders
from tests.api_client import Answer, Api
from tests.builders import Tenant
from tests.leaving import erase_all
from tests.oversight.console import decide, seat, text_of, url_of

pytestmark = pytest.mark.django_db

YES = {"confirm": "DELETE"}


@pytest.fixture
def alice() -> Tenant:
    return builders.tenant()


def delete(key: str, body: object = YES) -> Answer:
    return Api(key).send("DELETE", "/account", body)


def gone(owner: Tenant) -> None:
    assert departure.depart(owner.account, by="test", now=clock.now())


def test_the_keys_of_a_deleted_account_open_nothing(alice: Tenant) -> None:
    scoped = keys.create_agent_key(alice.agent, mailboxes=[alice.mailbox], now=clock.now())[1]
    decides = builders.decide_key(alice.owner)
    Api(alice.key_text).get("/mailboxes")  # known from now on
    answer = delete(alice.key_text)
    assert (answer.status, answer.json) == (200, {"deleted": True})
    for key in (alice.key_text, scoped, decides):
        with pytest.raises(Unauthenticated):
            keys.authenticate(key, now=clock.now())
        assert Api(key).post("/mailboxes", {"address": "more"}).status == 401
    erase_all()
    assert delete(alice.key_text).code == "invalid_key"


def test_a_key_that_is_remembered_is_forgotten_with_the_deletion(
    alice: Tenant, django_capture_on_commit_callbacks: Any
) -> None:
    assert Api(alice.key_text).get("/mailboxes").status == 200
    with django_capture_on_commit_callbacks(execute=True):
        gone(alice)
    assert Api(alice.key_text).get("/mailboxes").status == 401


def test_a_key_made_while_the_account_was_deleted_is_no_good(alice: Tenant) -> None:
    gone(alice)
    key = keys.create_agent_key(alice.agent, now=clock.now())[1]
    with pytest.raises(Unauthenticated):
        keys.authenticate(key, now=clock.now())


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (None, "missing_field"),
        ({}, "missing_field"),
        ({"confirm": None}, "missing_field"),
        ({"confirm": "delete"}, "not_confirmed"),
        ({"confirm": " DELETE"}, "not_confirmed"),
        ({"confirm": ""}, "not_confirmed"),
        ({"confirm": True}, "invalid_field"),
        ({"confirm": "DELETE", "really": True}, "unknown_field"),
    ],
)
def test_nothing_is_deleted_without_the_exact_word(alice: Tenant, body: object, code: str) -> None:
    answer = delete(alice.key_text, body)
    assert (answer.status, answer.code) == (400, code)
    assert Api(alice.key_text).get("/account").status == 200


def test_a_scoped_or_a_decide_key_deletes_nothing(alice: Tenant) -> None:
    scoped = keys.create_agent_key(alice.agent, mailboxes=[alice.mailbox], now=clock.now())[1]
    for key in (scoped, builders.decide_key(alice.owner)):
        assert (delete(key).status, delete(key, {}).status) == (403, 403)
    assert delete("gp_live_nonsense").status == 401
    assert Account.objects.get(pk=alice.account.pk).departed_at is None


def test_a_suspended_account_may_be_deleted(alice: Tenant) -> None:
    Account.objects.filter(pk=alice.account.pk).update(suspended_at=clock.now(), suspended_reason="Why not.")
    assert delete(alice.key_text).status == 200


def test_nobody_deletes_the_platform() -> None:
    house = accounts.platform()
    key = keys.create_agent_key(house.mailbox.agent or house.account.agents.get(), now=clock.now())[1]
    assert delete(key).code == "platform_account"
    with pytest.raises(Invalid):
        departure.depart(house.account, by="test", now=clock.now())


def test_an_account_is_deleted_once(alice: Tenant) -> None:
    gone(alice)
    assert not departure.depart(alice.account, by="test", now=clock.now())
    assert Event.objects.filter(account=alice.account, kind="account.deleted").count() == 1


def test_its_addresses_are_unknown_and_its_waiting_mail_stays(alice: Tenant) -> None:
    mailbox.set_mode(alice.mailbox, OversightMode.AUTONOMOUS, by="test", now=clock.now())
    dispatch.drain()
    message = builders.submit(alice)
    gone(alice)
    assert addresses.find(alice.mailbox.full_address) is None
    assert addresses.find(f"{alice.mailbox.address}+tag@agents.example") is None
    assert outbox.claim_due(limit=10, now=clock.now()) == []
    assert not Attempt.objects.filter(recipient__message=message).exists()
    erase_all()
    assert not Recipient.objects.filter(message=message).exists()


def test_the_slug_stays_taken_before_and_after_it_is_erased(alice: Tenant) -> None:
    for is_over in (False, True):
        if is_over:
            erase_all()
        else:
            gone(alice)
        answer = Api().get("/signup/check-slug", slug=alice.account.slug)
        assert answer.json == {"available": False}
        with pytest.raises(Conflict):
            accounts.create(User(email="new@people.example"), slug=alice.account.slug, now=clock.now())


def test_no_mailbox_is_made_for_an_account_that_was_deleted(alice: Tenant) -> None:
    gone(alice)
    with pytest.raises(Gone), transaction.atomic():
        mailbox.create(alice.account, mailbox.NewMailbox("late", alice.mailbox.domain), now=clock.now())
    assert not Mailbox.objects.filter(account=alice.account, deleted_at__isnull=True).exists()


def test_open_sessions_end_and_the_sign_in_says_why(alice: Tenant, client: Client) -> None:
    rhea = builders.member(alice.account)
    browser = seat(rhea)
    assert browser.get("/review/").status_code == 200
    gone(alice)
    assert browser.get("/review/").headers["Location"].startswith("/login/")
    right = client.post("/login/", {"username": rhea.user.email, "password": builders.PASSWORD})
    assert "This account was deleted." in text_of(right)
    wrong = client.post("/login/", {"username": rhea.user.email, "password": "wrong"})
    assert "do not match" in text_of(wrong)
    assert client.get("/review/").status_code == 302


def test_a_member_of_two_accounts_sees_the_other_one_only(alice: Tenant) -> None:
    bob = builders.tenant("bob")
    bob.account.members.create(user=alice.owner.user, role="viewer")
    review, browser = builders.held(alice, subject="Of the first account"), seat(alice.owner)
    assert review.message.subject in text_of(browser.get("/review/"))
    gone(alice)
    page = text_of(browser.get("/review/"))
    assert "Review queue" in page
    assert review.message.subject not in page


@pytest.mark.parametrize("is_erased", [False, True], ids=["marked", "erased"])
@pytest.mark.parametrize("act", ["approve", "reject", "undo"])
def test_a_reviewer_with_the_page_open_gets_a_plain_page(alice: Tenant, act: str, is_erased: bool) -> None:
    other = builders.tenant("bob")
    other.account.members.create(user=alice.owner.user, role="reviewer")
    review, browser = builders.held(alice), seat(alice.owner)
    assert browser.get(url_of(review)).status_code == 200
    gone(alice)
    if is_erased:
        dispatch.drain()
        erase_all()
    assert browser.get(url_of(review)).status_code == 404
    assert decide(browser, review, act, reason="tone").status_code == 404


def test_a_verification_link_of_a_deleted_account_is_over() -> None:
    dave = builders.tenant("dave", is_verified=False)
    token = accounts.verification_token(dave.owner.user)
    gone(dave)
    with pytest.raises(Gone):
        accounts.read_verification_token(token)
    before = Event.objects.count()
    assert Api().post("/auth/resend-verification", {"email": dave.owner.user.email}).status == 200
    assert Event.objects.count() == before


# --- operators --------------------------------------------------------------------------------------------------------


@pytest.fixture
def desk() -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser("operator@gatepost.example", builders.PASSWORD))
    return client


def ask(desk: Client, *chosen: Account, **typed: str) -> Any:
    asked = {"action": "delete_account", "_selected_action": [str(account.pk) for account in chosen], **typed}
    return desk.post(reverse("admin:mailboxes_account_changelist"), asked)


def test_an_operator_deletes_an_account_by_typing_its_slug(desk: Client, alice: Tenant) -> None:
    page = text_of(ask(desk, alice.account))
    assert f"Type {alice.account.slug}" in page
    assert "That is not its slug." in text_of(ask(desk, alice.account, confirm="another"))
    assert Account.objects.get(pk=alice.account.pk).departed_at is None
    assert ask(desk, alice.account, confirm=alice.account.slug).status_code == 302
    assert Account.objects.get(pk=alice.account.pk).departed_at is not None


def test_an_operator_sees_what_is_being_erased(desk: Client, alice: Tenant) -> None:
    gone(alice)
    erasure = Erasure.objects.get()
    assert str(alice.account.pk) in text_of(desk.get(reverse("admin:mailboxes_erasure_changelist")))
    assert desk.get(reverse("admin:mailboxes_erasure_change", args=[erasure.pk])).status_code == 200


def test_accounts_are_deleted_one_at_a_time_and_the_platform_never(desk: Client, alice: Tenant) -> None:
    bob = builders.tenant("bob")
    assert ask(desk, alice.account, bob.account, confirm=bob.account.slug).status_code == 302
    house = accounts.platform().account
    assert ask(desk, house, confirm=house.slug).status_code == 302
    assert not Account.objects.filter(departed_at__isnull=False).exists()


def test_the_command_deletes_what_is_confirmed(alice: Tenant) -> None:
    slug, output = alice.account.slug, StringIO()
    with pytest.raises(CommandError, match="differ"):
        call_command("delete_account", slug, confirm="another")
    with pytest.raises(CommandError, match="no account"):
        call_command("delete_account", "nobody", confirm="nobody")
    accounts.platform()
    with pytest.raises(CommandError, match="platform"):
        call_command("delete_account", "platform", confirm="platform")
    call_command("delete_account", slug, confirm=slug, stdout=output)
    call_command("delete_account", str(alice.account.pk), confirm=str(alice.account.pk), stdout=output)
    first, second = output.getvalue().splitlines()
    assert f"{slug} is deleted:" in first
    assert "already" in second


# --- test data --------------------------------------------------------------------------------------------------------


def test_test_data_goes_with_its_account_and_not_by_its_own_key(alice: Tenant) -> None:
    test_key = Api(alice.key_text).post("/api-keys", {"environment": "test"}).json["key"]
    answer = delete(test_key)
    assert (answer.status, answer.code) == (403, "wrong_environment")
    twin = Account.objects.get(test_of=alice.account)
    with pytest.raises(Invalid):
        departure.depart(twin, by="test", now=clock.now())
    assert delete(alice.key_text).status == 200
    assert Api(test_key).get("/mailboxes").status == 401
    dispatch.drain()
    for _ in range(2):  # the account waits for its test data
        erase_all()
        clock_forward()
    assert not Account.objects.filter(is_platform=False).exists()


def clock_forward() -> None:
    Erasure.objects.update(due_at=clock.now())
