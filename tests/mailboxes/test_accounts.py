"""Accounts: signed up by an agent, verified by a human, and the platform's own."""

from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine
from django.conf import settings

from mailboxes import accounts, clock
from mailboxes.accounts import SignUp
from mailboxes.errors import Conflict, Gone, Invalid, Problem
from mailboxes.models import Account, Event, Member, Role, User
from tests import builders
from tests.postman import mails_to

pytestmark = pytest.mark.django_db

NEW_PASSWORD = "an entirely different horse"


def sign_up(**fields: str) -> accounts.SignedUp:
    asked = {"email": "alice@people.example", "password": builders.PASSWORD, "slug": "alice-works"}
    return accounts.sign_up(SignUp(**(asked | fields)), now=clock.now())


def refusal(**fields: str) -> str:
    with pytest.raises(Problem) as refused:
        sign_up(**fields)
    return refused.value.code


def test_a_signup_makes_account_owner_agent_mailbox_and_key() -> None:
    made = sign_up()
    assert made.mailbox.full_address == "alice-works@agents.example"
    assert made.mailbox.mode == settings.DEFAULT_MODE
    assert made.mailbox.agent == made.key.agent
    assert Member.objects.get(account=made.account).role == Role.OWNER
    assert not made.user.is_proven_human
    assert made.user.email_verified_at is None


def test_the_owner_is_asked_to_verify_and_the_log_holds_neither_token_nor_link() -> None:
    made = sign_up()
    asked = Event.objects.get(account=made.account, kind="account.verification_requested")
    assert asked.data == f'{{"user_id":"{made.user.pk}"}}'
    mail = mails_to("alice@people.example").get()
    assert f"{settings.PUBLIC_URL}/verify/" in mail.body_text


@pytest.mark.parametrize("slug", ["ab", "a" * 31, "-abc", "abc-", "Alice", "a b", "a.b", "ä-works", "abc\n"])
def test_a_malformed_slug_is_refused(slug: str) -> None:
    assert refusal(slug=slug) == "invalid_slug"


def test_a_reserved_or_taken_slug_is_refused() -> None:
    assert refusal(slug="postmaster") == "slug_taken"
    sign_up()
    assert refusal(email="other@people.example") == "slug_taken"


def test_the_state_of_a_slug_is_told() -> None:
    sign_up()
    assert [accounts.slug_state(slug) for slug in ("alice-works", "demo", "bob-works")] == ["taken", "reserved", "free"]


def test_an_address_has_one_account_in_any_case() -> None:
    sign_up()
    assert refusal(slug="alice-again") == "email_taken"
    User.objects.filter(email="alice@people.example").update(email="Alice@People.example")
    assert refusal(slug="alice-again") == "email_taken"


def test_an_address_on_our_own_domain_proves_no_human() -> None:
    assert refusal(email="me@agents.example") == "own_domain"


@pytest.mark.parametrize("password", ["short", "password123", "12345678", "x" * 1001, "with\x00nul and more"])
def test_a_weak_password_is_refused(password: str) -> None:
    assert refusal(password=password) == "weak_password"


def test_nothing_is_kept_of_a_refused_signup() -> None:
    accounts.platform()
    refusal(password="short")
    refusal(slug="postmaster")
    assert not User.objects.exists()
    assert Account.objects.get().is_platform


def test_a_token_verifies_once_and_sets_the_humans_own_password() -> None:
    made = sign_up()
    token = accounts.verification_token(made.user)
    user = accounts.read_verification_token(token)
    accounts.verify_email(user, password=NEW_PASSWORD, now=clock.now())
    user.refresh_from_db()
    assert user.check_password(NEW_PASSWORD)
    assert user.is_proven_human
    assert user.email_verified_at is not None
    assert Event.objects.filter(account=made.account, kind="account.email_verified").count() == 1
    with pytest.raises(Gone):
        accounts.read_verification_token(token)


@pytest.mark.parametrize("token", ["", "x", "a:b:c", "é" * 50])
def test_a_forged_token_verifies_nobody(token: str) -> None:
    with pytest.raises(Gone):
        accounts.read_verification_token(token)


def test_a_token_dies_with_its_time_and_with_the_address() -> None:
    made = sign_up()
    token = accounts.verification_token(made.user)
    later = clock.now() + timedelta(seconds=accounts.VERIFICATION_SECONDS + 60)
    with time_machine.travel(later, tick=False), pytest.raises(Gone):
        accounts.read_verification_token(token)
    assert accounts.read_verification_token(token) == made.user
    User.objects.filter(pk=made.user.pk).update(email="other@people.example")
    with pytest.raises(Gone):
        accounts.read_verification_token(token)


def test_a_weak_password_on_our_own_page_verifies_nobody() -> None:
    made = sign_up()
    with pytest.raises(Invalid):
        accounts.verify_email(made.user, password="short", now=clock.now())
    made.user.refresh_from_db()
    assert made.user.email_verified_at is None


def test_verifying_without_a_password_proves_no_human() -> None:
    made = sign_up()
    accounts.verify_email(made.user, password=None, now=clock.now())
    made.user.refresh_from_db()
    assert made.user.email_verified_at is not None
    assert not made.user.is_proven_human


def test_an_added_member_is_a_proven_human_with_one_account() -> None:
    made = sign_up()
    rhea = accounts.add_member(
        made.account, email="Rhea@People.example", password=NEW_PASSWORD, role=Role.REVIEWER, now=clock.now()
    )
    assert rhea.user.is_proven_human
    assert rhea.user.email == "rhea@people.example"
    assert (rhea.may_decide, rhea.may_manage) == (True, False)


def test_creating_an_account_for_a_taken_address_is_a_conflict() -> None:
    made = sign_up()
    with pytest.raises(Conflict):
        accounts.create(User(email=made.user.email), slug="another", now=clock.now())
