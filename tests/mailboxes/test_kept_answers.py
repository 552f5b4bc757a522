"""Answers kept for an Idempotency-Key: given again to whoever has the key, and told by the row to nobody."""

from __future__ import annotations

import pytest
from django.core.cache import cache
from django.core.serializers import serialize
from django.test import Client
from pytest_django import Settings

from mailboxes.models import Account, IdempotentAnswer
from tests import builders
from tests.api_client import Answer, Api

pytestmark = pytest.mark.django_db

SIGNUP = {"email": "alice@people.example", "password": "a-secure-password", "slug": "my-company"}


@pytest.fixture(autouse=True)
def _fresh_counts() -> None:
    cache.clear()


def sign_up(key: str = "k-1", *, client: Api | None = None, **change: str) -> Answer:
    return (client or Api()).post("/signup", SIGNUP | change, Idempotency_Key=key)


def test_a_signup_whose_answer_was_lost_gives_its_key_again_and_makes_no_second_account() -> None:
    first, again = sign_up(), sign_up()
    assert (first.status, again.status, again.json) == (201, 201, first.json)
    assert again.headers["Idempotent-Replayed"] == "true"
    assert Account.objects.filter(is_platform=False).count() == 1
    assert Api(again.json["api_key"]["key"]).get("/mailboxes").status == 200


def test_the_row_alone_tells_neither_the_key_nor_the_answer_nor_the_password() -> None:
    secret = sign_up("Just-Mine").json["api_key"]["key"]
    made = Api(secret).post("/api-keys", {"name": "spare"}, Idempotency_Key="Also-Mine").json["key"]
    rows = serialize("json", IdempotentAnswer.objects.all())
    assert IdempotentAnswer.objects.count() == 2
    for word in (secret, made, secret[:14], "Just-Mine", "Also-Mine", "alice@people", SIGNUP["password"]):
        assert word not in rows


def test_an_answer_that_the_servers_new_secret_cannot_open_is_a_409_and_nothing_is_done(settings: Settings) -> None:
    alice = builders.tenant()
    api = Api(alice.key_text)
    api.post("/mailboxes", {"address": "desk"}, Idempotency_Key="k-1")
    settings.SECRET_KEY = "another"
    answer = api.post("/mailboxes", {"address": "desk"}, Idempotency_Key="k-1")
    assert (answer.status, answer.code) == (409, "answer_lost")


def test_the_same_key_from_another_address_is_another_request() -> None:
    elsewhere = Api()
    elsewhere.client = Client(REMOTE_ADDR="203.0.113.9")
    assert sign_up().status == 201
    answer = sign_up(client=elsewhere)
    assert (answer.status, answer.code) == (409, "slug_taken")


def test_another_signup_under_the_same_key_is_a_422() -> None:
    sign_up()
    answer = sign_up(password="another-password")
    assert (answer.status, answer.code) == (422, "idempotency_key_reused")


def test_an_answer_that_is_given_again_costs_nothing_of_the_callers_limit(settings: Settings) -> None:
    settings.SIGNUPS_PER_HOUR = 1
    assert [sign_up().status for _ in range(3)] == [201, 201, 201]
    answer = sign_up("k-2", email="bob@people.example", slug="bobs-company")
    assert (answer.status, answer.code) == (429, "too_many_requests")
    assert sign_up().headers["X-RateLimit-Remaining"] == "0"
