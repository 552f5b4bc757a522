"""The same request at the same time: one message, and every answer is the same 201, or a 409 `in_flight`."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from pytest_django import Settings

from mailboxes.models import IdempotentAnswer
from messaging.models import Message
from oversight.models import Review
from tests import builders
from tests.api_client import Answer, Api
from tests.builders import Tenant
from tests.races.harness import ROUNDS, THREADS, race

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


def answers(acts: list[Callable[[], Answer]]) -> list[Answer]:
    return [result for result in race(acts) if isinstance(result, Answer)]


def check_one_effect(owner: Tenant, key: str, given: list[Answer], *, acts: int) -> None:
    taken = [answer for answer in given if answer.status == 201]
    refused = [answer for answer in given if answer.status != 201]
    assert len(given) == acts
    assert len({answer.json["message"]["id"] for answer in taken}) == 1
    assert all(answer.json == taken[0].json for answer in taken)
    assert all((answer.status, answer.code) == (409, "in_flight") for answer in refused)
    assert all(answer.headers["Retry-After"] == "1" for answer in refused)
    assert IdempotentAnswer.objects.filter(key=key).count() == 1


def test_fifty_sends_with_one_key_make_one_message(alice: Tenant) -> None:
    given = answers([sending(alice, "fifty")] * MANY)
    check_one_effect(alice, "fifty", given, acts=MANY)
    assert Message.objects.filter(mailbox=alice.mailbox).count() == 1
    assert Review.objects.filter(mailbox=alice.mailbox).count() == 1
    assert sending(alice, "fifty")().json == next(answer.json for answer in given if answer.status == 201)


def test_eight_sends_with_one_key_make_one_message_every_time(alice: Tenant) -> None:
    for number in range(ROUNDS):
        key = f"round-{number}"
        check_one_effect(alice, key, answers([sending(alice, key)] * THREADS), acts=THREADS)
        assert Message.objects.filter(mailbox=alice.mailbox).count() == number + 1


def test_of_two_bodies_under_one_key_one_is_taken(alice: Tenant) -> None:
    for number in range(ROUNDS // 5):
        key = f"round-{number}"
        given = answers([sending(alice, key, subject=f"No {n % 2}") for n in range(THREADS)])
        taken = {answer.json["message"]["subject"] for answer in given if answer.status == 201}
        assert len(taken) == 1
        assert {answer.status for answer in given} <= {201, 409, 422}
        assert Message.objects.filter(mailbox=alice.mailbox).count() == number + 1
