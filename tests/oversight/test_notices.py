"""The platform's own mail passes the same outbox, and no tenant sees it."""

from __future__ import annotations

import re

import pytest

from mailboxes import accounts, clock
from mailboxes.errors import Gone
from mailboxes.models import Event, User
from messaging.models import Message, Status
from tests import builders
from tests.postman import mails_to

pytestmark = pytest.mark.django_db


def verification_of(alice: builders.Tenant) -> Message:
    return mails_to(alice.owner.user.email).get()


def link_in(message: Message) -> str:
    found = re.search(r"/verify/([^/\s]+)/", message.body_text)
    assert found
    return found.group(1)


def test_signup_queues_a_verification_mail_of_the_house() -> None:
    alice = builders.tenant(is_verified=False)
    message = verification_of(alice)
    assert (message.status, message.account.is_platform) == (Status.QUEUED, True)
    assert message.from_address == "no-reply@agents.example"
    assert not Message.objects.filter(account=alice.account).exists()


def test_the_link_verifies_once_and_the_humans_password_replaces_the_agents() -> None:
    alice = builders.tenant(is_verified=False)
    token = link_in(verification_of(alice))
    user = accounts.read_verification_token(token)
    accounts.verify_email(user, password="a password of my own", now=clock.now())
    stored = User.objects.get(pk=alice.owner.user_id)
    assert stored.is_proven_human
    assert stored.check_password("a password of my own")
    assert not stored.check_password(builders.PASSWORD)
    with pytest.raises(Gone):
        accounts.read_verification_token(token)


def test_no_token_and_no_link_stand_in_any_event() -> None:
    alice = builders.tenant(is_verified=False)
    token = link_in(verification_of(alice))
    assert not any(token in data for data in Event.objects.values_list("data", flat=True))


@pytest.mark.parametrize("token", ["", "x", "eyJ1c2VyIjoiMSJ9:1:2", "💥"])
def test_a_forged_link_is_told_as_over(token: str) -> None:
    with pytest.raises(Gone):
        accounts.read_verification_token(token)
