"""Signing up, checking a slug, asking for the verification mail."""

from __future__ import annotations

import pytest
from django.core.cache import cache
from pytest_django import Settings

from mailboxes import clock
from mailboxes.models import Account, Event, Mailbox, User
from tests import builders
from tests.api_client import Api
from tests.postman import mails_to

pytestmark = pytest.mark.django_db

SIGNUP = {"email": "alice@people.example", "password": "a-secure-password", "slug": "my-company"}


@pytest.fixture(autouse=True)
def _fresh_counts() -> None:
    cache.clear()


def test_signup_gives_account_mailbox_and_a_key_that_works() -> None:
    made = Api().post("/signup", SIGNUP)
    assert made.status == 201
    assert made.json["user"]["platform_email"] == "my-company@agents.example"
    assert made.json["user"]["name"] == "alice"
    assert made.json["mailbox"]["address"] == "my-company"
    assert made.json["email_verified"] is False
    listed = Api(made.json["api_key"]["key"]).get("/mailboxes").json["mailboxes"]
    assert [box["id"] for box in listed] == [made.json["mailbox"]["id"]]


def test_signup_mails_the_verification_link() -> None:
    Api().post("/signup", SIGNUP)
    [mail] = mails_to("alice@people.example")
    assert "/verify/" in mail.body_text


def test_the_signup_address_is_kept_in_its_canonical_spelling() -> None:
    Api().post("/signup", SIGNUP | {"email": "Alice@Straße.example"})
    assert User.objects.filter(email="alice@xn--strae-oqa.example").exists()


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"email": "no address"}, 400, "invalid_field"),
        ({"email": "a@b.example, c@d.example"}, 400, "invalid_field"),
        ({"email": "x@agents.example"}, 400, "own_domain"),
        ({"password": "short"}, 400, "invalid_field"),
        ({"password": "password"}, 400, "weak_password"),
        ({"slug": "No Slug"}, 400, "invalid_slug"),
        ({"slug": "my-company\n"}, 400, "invalid_slug"),
        ({"slug": "admin"}, 409, "slug_taken"),
        ({"nickname": "Al"}, 400, "unknown_field"),
    ],
)
def test_signup_says_what_is_wrong(change: dict[str, str], status: int, code: str) -> None:
    answer = Api().post("/signup", SIGNUP | change)
    assert (answer.status, answer.code) == (status, code)
    assert not Account.objects.filter(slug="my-company").exists()


def test_a_taken_slug_or_email_is_a_conflict() -> None:
    Api().post("/signup", SIGNUP)
    assert Api().post("/signup", SIGNUP | {"email": "bob@people.example"}).code == "slug_taken"
    assert Api().post("/signup", SIGNUP | {"slug": "other-company"}).code == "email_taken"
    assert Mailbox.objects.filter(account__is_platform=False).count() == 1


def test_the_sixth_signup_of_an_address_in_an_hour_is_refused(settings: Settings) -> None:
    settings.SIGNUPS_PER_HOUR = 2
    left = [
        Api()
        .post("/signup", SIGNUP | {"email": f"a{n}@people.example", "slug": f"slug-{n}"})
        .headers["X-RateLimit-Remaining"]
        for n in range(2)
    ]
    refused = Api().post("/signup", SIGNUP)
    assert left == ["1", "0"]
    assert (refused.status, refused.code) == (429, "too_many_requests")
    assert 0 < int(refused.headers["Retry-After"]) <= 3601


def test_signups_are_not_counted_when_the_limit_is_off(settings: Settings) -> None:
    settings.SIGNUPS_PER_HOUR = 0
    for n in range(7):
        answer = Api().post("/signup", SIGNUP | {"email": f"a{n}@people.example", "slug": f"slug-{n}"})
        assert answer.status == 201
        assert int(answer.headers["X-RateLimit-Remaining"]) > 0


def test_a_lost_cache_keeps_nobody_from_signing_up(settings: Settings) -> None:
    settings.CACHES = {
        "default": {
            "BACKEND": "django.core.cache.backends.redis.RedisCache",
            "LOCATION": "unix:///nonexistent/valkey.sock",
        }
    }
    assert Api().post("/signup", SIGNUP).status == 201


@pytest.mark.parametrize(
    ("slug", "answer"),
    [
        ("free-slug", {"available": True}),
        ("admin", {"available": False, "reason": "reserved"}),
        ("taken-slug", {"available": False}),
    ],
)
def test_check_slug_tells_free_from_reserved_from_taken(slug: str, answer: dict[str, object]) -> None:
    Api().post("/signup", SIGNUP | {"slug": "taken-slug"})
    assert Api().get("/signup/check-slug", slug=slug).json == answer


@pytest.mark.parametrize("slug", ["ab", "Upper", "-x-", "", "nul\x00l"])
def test_check_slug_refuses_a_malformed_one(slug: str) -> None:
    assert Api().get("/signup/check-slug", slug=slug).status == 400


def test_check_slug_answers_thirty_times_a_minute() -> None:
    answers = [Api().get("/signup/check-slug", slug="free-slug").status for _ in range(31)]
    assert answers == [200] * 30 + [429]


def test_resend_answers_alike_for_waiting_verified_and_unknown_addresses() -> None:
    waiting = builders.tenant(is_verified=False).owner.user.email
    verified = builders.tenant().owner.user.email
    before = _requests()
    answers = [
        Api().post("/auth/resend-verification", {"email": email})
        for email in (waiting, waiting.upper(), verified, "nobody@people.example")
    ]
    assert {(answer.status, str(answer.json)) for answer in answers} == {(200, "{'ok': True}")}
    assert _requests() == before + 1  # the second within five minutes is not sent


def test_a_new_verification_link_works() -> None:
    owner = builders.tenant(is_verified=False).owner
    before = clock.now()
    Api().post("/auth/resend-verification", {"email": owner.user.email})
    newest = mails_to(owner.user.email).latest("created_at")
    assert newest.created_at > before
    assert "/verify/" in newest.body_text


def _requests() -> int:
    return Event.objects.filter(kind="account.verification_requested").count()
