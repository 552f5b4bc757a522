"""A61: what sign-in tells and keeps. (Wrong passwords, foreign `next` and old links: test_console_sign_in.)"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import zeal
from django.conf import settings as django_settings
from django.contrib.auth.hashers import MD5PasswordHasher
from django.core.cache import cache
from django.test import Client

from tests import builders
from tests.api_client import Api
from tests.postman import mails_to

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _fresh_counts() -> Iterator[None]:
    cache.clear()
    yield
    cache.clear()


@pytest.mark.parametrize(
    "path", ["/login/", "/verify/again/", "/v1/auth/resend-verification", "/api/auth/sign-in/email"]
)
@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:443", "testserver.evil.example", "testserver@evil.example"]
)
def test_a_foreign_host_is_answered_nowhere(path: str, host: str) -> None:
    body = {"email": "alice@people.example", "username": "alice@people.example", "password": "x"}
    answer = Client(headers={"Host": host}).post(path, body, content_type="application/json")
    assert answer.status_code == 400


def test_a_link_in_a_mail_leads_to_our_own_address_whoever_asked_for_it() -> None:
    alice = builders.tenant(is_verified=False)
    headers = {"X-Forwarded-Host": "evil.example", "Forwarded": "host=evil.example"}
    Client(headers=headers).post(
        "/v1/auth/resend-verification", {"email": alice.owner.user.email}, content_type="application/json"
    )
    texts = list(mails_to(alice.owner.user.email).values_list("body_text", flat=True))
    assert any(django_settings.PUBLIC_URL in text for text in texts)
    assert not any("evil.example" in text for text in texts)


def test_a_session_that_was_fixed_before_is_not_the_one_that_is_signed_in() -> None:
    rhea = builders.member(builders.tenant().account)
    client = Client()
    client.get("/login/")
    session = client.session
    session["planted"] = "by somebody else"
    session.save()
    fixed = session.session_key
    client.cookies[django_settings.SESSION_COOKIE_NAME] = fixed or ""
    with zeal.zeal_ignore():  # the session that was there is read, and given up
        client.post("/login/", {"username": rhea.user.email, "password": builders.PASSWORD})
    assert client.session.session_key not in (None, fixed)
    stranger = Client()
    stranger.cookies[django_settings.SESSION_COOKIE_NAME] = fixed or ""
    assert stranger.get("/review/").status_code == 302


@pytest.mark.parametrize("door", ["console", "api"])
def test_an_unknown_address_costs_as_many_hashes_as_a_known_one(door: str, monkeypatch: pytest.MonkeyPatch) -> None:
    rhea = builders.member(builders.tenant().account)
    hashed: list[str] = []
    encode = MD5PasswordHasher.encode

    def counted(self: Any, password: str, salt: str) -> str:
        hashed.append(password)
        return encode(self, password, salt)

    monkeypatch.setattr(MD5PasswordHasher, "encode", counted)
    counts = []
    for name in (rhea.user.email, "nobody@people.example"):
        hashed.clear()
        if door == "console":
            Client().post("/login/", {"username": name, "password": "wrong"})
        else:
            Api().send("POST", "/api/auth/sign-in/email", {"email": name, "password": "wrong"})
        counts.append(len(hashed))
    assert counts[0] == counts[1] == 1
