"""A send with an Idempotency-Key has its effect once."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from mailboxes import clock
from mailboxes.api import idempotency
from mailboxes.models import IdempotentAnswer
from mailboxes.modes import OversightMode
from messaging.models import Message
from tests import builders
from tests.api_client import Answer, Api
from tests.builders import Tenant

pytestmark = pytest.mark.django_db

MAIL = {"to": ["kim@friends.example"], "subject": "Hello", "bodyText": "Good day to you."}


def send(owner: Tenant, body: object = MAIL, *, key: str = "k-1") -> Answer:
    return Api(owner.key_text).post(f"/mailboxes/{owner.mailbox.pk}/messages", body, Idempotency_Key=key)


def sent(owner: Tenant) -> int:
    return Message.objects.filter(mailbox=owner.mailbox).count()


def test_the_same_request_again_gives_the_same_answer_and_sends_nothing() -> None:
    alice = builders.tenant()
    first, again = send(alice), send(alice)
    assert (first.status, again.status) == (201, 201)
    assert first.json == again.json
    assert "Idempotent-Replayed" not in first.headers
    assert again.headers["Idempotent-Replayed"] == "true"
    assert sent(alice) == 1


def test_spaces_and_order_make_no_other_request() -> None:
    alice = builders.tenant()
    send(alice)
    shuffled = json.dumps(dict(reversed(MAIL.items())), indent=4).encode()
    assert send(alice, shuffled).status == 201
    assert sent(alice) == 1


def test_another_body_under_the_same_key_is_a_422() -> None:
    """A15."""
    alice = builders.tenant()
    send(alice)
    answer = send(alice, MAIL | {"subject": "Other"})
    assert (answer.status, answer.code) == (422, "idempotency_key_reused")
    assert sent(alice) == 1


def test_another_key_is_another_request() -> None:
    alice = builders.tenant()
    send(alice, key="k-1")
    send(alice, key="k-2")
    assert sent(alice) == 2


def test_the_same_key_of_another_account_is_another_request() -> None:
    """A15, A53: keys are of an account."""
    alice, charlie = builders.tenant(), builders.tenant("charlie")
    assert send(alice).json["message"]["id"] != send(charlie).json["message"]["id"]


def test_what_failed_is_not_kept() -> None:
    alice = builders.tenant()
    assert send(alice, MAIL | {"subject": ""}).status == 400
    builders.limit(alice.account, "daily_sends", 1)
    assert send(alice, MAIL | {"cc": ["lee@friends.example"]}).status == 429
    assert not IdempotentAnswer.objects.exists()
    assert send(alice).status == 201


def test_a_refusal_of_the_policy_is_kept_since_it_was_committed() -> None:
    alice = builders.tenant(mode=OversightMode.READ_ONLY)
    first, again = send(alice), send(alice)
    assert (first.status, first.code) == (403, "read_only")
    assert again.json == first.json
    assert sent(alice) == 1


@pytest.mark.parametrize("key", ["", "x" * 256, "a\tb", "schlüssel"])
def test_an_unusable_key_is_refused(key: str) -> None:
    """A15."""
    alice = builders.tenant()
    answer = send(alice, key=key)
    assert (answer.status, answer.code) == (400, "invalid_idempotency_key")


def test_deciding_twice_with_one_key_is_deciding_once() -> None:
    alice = builders.tenant()
    review = builders.held(alice)
    rhea = Api(builders.decide_key(builders.member(alice.account)))
    path = f"/oversight/reviews/{review.pk}/approve"
    first, again = (rhea.post(path, {"version": 1}, Idempotency_Key="d-1") for _ in range(2))
    assert (first.status, again.status) == (200, 200)
    assert first.json == again.json


def test_no_other_key_of_the_account_gets_an_answer_it_may_not_see() -> None:
    """A15, A53."""
    alice = builders.tenant()
    send(alice)
    path = f"/mailboxes/{alice.mailbox.pk}/messages"
    rhea = Api(builders.decide_key(builders.member(alice.account)))
    assert rhea.post(path, MAIL, Idempotency_Key="k-1").status == 403
    other = Api(alice.key_text).post("/mailboxes", {"address": "second"}).json["mailbox"]["id"]
    scoped = Api(Api(alice.key_text).post("/api-keys", {"mailboxIds": [other]}).json["key"])
    assert scoped.post(path, MAIL, Idempotency_Key="k-1").status == 404


def test_an_old_answer_is_forgotten_and_its_key_is_free_again() -> None:
    alice, now = builders.tenant(), clock.now()
    send(alice)
    assert idempotency.forget_old(now=now) == 0
    assert idempotency.forget_old(now=now + idempotency.KEPT_FOR + timedelta(minutes=1)) == 1
    send(alice)
    assert sent(alice) == 2
