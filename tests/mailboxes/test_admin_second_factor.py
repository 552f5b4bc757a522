"""Operators and the second step: their own sign-in, the setting that asks for it, and taking away a lost one."""

from __future__ import annotations

import pytest
from django.contrib import admin
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from mailboxes import clock, second_factor
from mailboxes.models import Event, Member, User
from tests import builders
from tests.codes import code_of, enrol
from tests.conftest import Clock
from tests.postman import mails_to

pytestmark = pytest.mark.django_db

INDEX = "/admin/"


@pytest.fixture
def operator() -> User:
    return User.objects.create_superuser("operator@gatepost.example", builders.PASSWORD)


@pytest.fixture
def desk(operator: User) -> Client:
    client = Client()
    client.force_login(operator, backend="django.contrib.auth.backends.ModelBackend")
    return client


@pytest.fixture
def rhea() -> Member:
    rhea = builders.member(builders.tenant().account)
    enrol(rhea.user, now=clock.now())
    return rhea


def reset(desk: Client, *people: User, **more: str) -> str:
    url = reverse("admin:mailboxes_user_changelist")
    asked = {"action": "reset_second_factor", "_selected_action": [str(one.pk) for one in people], **more}
    return desk.post(url, asked, follow=True).content.decode()


def is_on(person: User) -> bool:
    return second_factor.is_enrolled(User.objects.get(pk=person.pk))


def test_the_admin_has_no_sign_in_of_its_own(client: Client, operator: User) -> None:
    asked = client.get(INDEX, follow=True)
    assert asked.redirect_chain[-1][0] == "/login/?next=%2Fadmin%2F"
    answer = client.post("/login/", {"username": operator.email, "password": builders.PASSWORD, "next": INDEX})
    assert answer.headers["Location"] == INDEX
    assert client.get(INDEX).status_code == 200


def test_an_operator_who_is_enrolled_enters_with_a_code(client: Client, operator: User, clock: Clock) -> None:
    secret, _ = enrol(operator, now=clock.now())
    now = clock.advance(seconds=60)
    answer = client.post("/login/", {"username": operator.email, "password": builders.PASSWORD, "next": INDEX})
    assert answer.headers["Location"] == "/login/code/?next=%2Fadmin%2F"
    assert client.get(INDEX).status_code == 302
    client.post("/login/code/", {"code": code_of(secret, now), "next": INDEX})
    assert client.get(INDEX).status_code == 200


def test_who_is_no_operator_is_told_so_and_not_sent_in_circles(client: Client, rhea: Member) -> None:
    client.force_login(rhea.user, backend="django.contrib.auth.backends.ModelBackend")
    answer = client.get(INDEX, follow=True)
    assert answer.status_code == 403
    assert "is no operator of this server" in answer.content.decode()


def test_where_it_is_required_an_operator_without_one_is_led_to_it(
    desk: Client, operator: User, settings: Settings, clock: Clock
) -> None:
    assert desk.get(INDEX).status_code == 200
    settings.ADMIN_REQUIRES_MFA = True
    for path in (INDEX, reverse("admin:mailboxes_account_changelist")):
        answer = desk.get(path, follow=True)
        assert answer.status_code == 403
        assert "/settings/security/set-up/?next=/admin/" in answer.content.decode()
    enrol(operator, now=clock.now())
    entered = Client()
    entered.force_login(operator, backend="django.contrib.auth.backends.ModelBackend")
    assert entered.get(INDEX).status_code == 200


def test_a_lost_second_step_is_reset_with_a_reason_that_the_person_is_told(desk: Client, rhea: Member) -> None:
    asked = reset(desk, rhea.user)
    assert "Be sure who asks you for this." in asked
    assert "Say why." in reset(desk, rhea.user, reason=" ")
    assert is_on(rhea.user)
    assert "signs in with the password alone now" in reset(desk, rhea.user, reason="Lost the phone")
    assert not is_on(rhea.user)
    assert Event.objects.filter(account=rhea.account, kind="member.mfa_reset").count() == 1
    mail = mails_to(rhea.user.email, subject="Your second step was reset").get()
    assert "Lost the phone" in mail.body_text


def test_nobody_resets_their_own_or_several_at_once(desk: Client, operator: User, rhea: Member) -> None:
    enrol(operator, now=clock.now())
    desk.force_login(operator, backend="django.contrib.auth.backends.ModelBackend")
    assert "not yourself" in reset(desk, operator, reason="Mine")
    assert "not yourself" in reset(desk, operator, rhea.user, reason="Both")
    assert is_on(operator)
    assert is_on(rhea.user)


def test_no_form_of_the_admin_shows_or_changes_secrets() -> None:
    assert not [model for model in admin.site._registry if model.__module__.startswith("allauth.")]
