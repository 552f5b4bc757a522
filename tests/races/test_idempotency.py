"""The same request at the same time: one message, and every answer is the same 201, or a 409 `in_flight`."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from pytest_django import Settings

from mailboxes.api import kept_answers
from mailboxes.models import IdempotentAnswer
from messaging.models import Message
from oversight.models import Review
from tests import builders
from tests.api_client import Answer, Api
from tests.builders import Tenant
from tests.races.harness import THREADS, family, in_rounds

pytestmark = [pytest.mark.race, pytest.mark.django_db(transaction=True)]

MANY = 50
MAIL = {"to": ["kim@friends.example"], "subject": "Hello", "bodyText": "Good day to you."}


@pytest.fixture
def alice(settings: Settings) -> Tenant:
    settings.DEFAULT_LIMITS = dict.fromkeys(settings.DEFAULT_LIMITS, 0)
    return builders.tenant()


def sending(owner: Tenant, key: str, **change: object) -> Callable[[], Answer]:
    api, path = Api(owner.key_text), f"/mailboxes/{owner.mailbox.pk}/messages"
    return lambda: api.post(path, MAIL | change, Idempotency_Key=key)


def check_one_effect(owner: Tenant, key: str, results: list[object]) -> Answer:
    """One message came of it, and everybody heard the same 201 or a 409."""
    given = [result for result in results if isinstance(result, Answer)]
    taken = [answer for answer in given if answer.status == 201]
    refused = [answer for answer in given if answer.status != 201]
    assert len(given) == len(results)
    assert all(answer.json == taken[0].json for answer in taken)
    assert all((answer.status, answer.code) == (409, "in_flight") for answer in refused)
    assert all(answer.headers["Retry-After"] == "1" for answer in refused)
    assert IdempotentAnswer.objects.filter(key=kept_answers.name_of(key)).count() == 1
    return taken[0]


@in_rounds
def test_fifty_sends_with_one_key_make_one_message_every_time(alice: Tenant, rounds: int) -> None:
    """A15."""
    with family("idempotency: fifty at once", rounds, threads=MANY) as people:
        for number in range(max(1, rounds // 10)):
            key = f"fifty-{number}"
            answer = check_one_effect(alice, key, people.race([sending(alice, key)] * MANY))
            assert sending(alice, key)().json == answer.json
            assert Message.objects.filter(mailbox=alice.mailbox).count() == number + 1
            assert Review.objects.filter(mailbox=alice.mailbox).count() == number + 1
            people.winners += 1


@in_rounds
def test_eight_sends_with_one_key_make_one_message_every_time(alice: Tenant, rounds: int) -> None:
    with family("idempotency: one key", rounds) as people:
        for number in range(rounds):
            key = f"eight-{number}"
            check_one_effect(alice, key, people.race([sending(alice, key)] * THREADS))
            assert Message.objects.filter(mailbox=alice.mailbox).count() == number + 1
            people.winners += 1


@in_rounds
def test_of_two_bodies_under_one_key_one_is_taken(alice: Tenant, rounds: int) -> None:
    with family("idempotency: two bodies", rounds) as people:
        for number in range(rounds):
            key = f"two-{number}"
            results = people.race([sending(alice, key, subject=f"No {n % 2}") for n in range(THREADS)])
            given = [result for result in results if isinstance(result, Answer)]
            taken = {answer.json["message"]["subject"] for answer in given if answer.status == 201}
            assert len(taken) == 1
            assert {answer.status for answer in given} <= {201, 409, 422}
            assert Message.objects.filter(mailbox=alice.mailbox).count() == number + 1
            people.winners += 1
