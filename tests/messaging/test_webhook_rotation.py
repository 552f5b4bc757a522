"""A new secret: shown once, the old one signs along for a while, and no longer (I17, A50)."""

from __future__ import annotations

import json
from datetime import datetime, timedelta

import pytest
from pytest_django import Settings

from mailboxes import clock, suspensions
from mailboxes.ids import new_id
from mailboxes.models import Event
from messaging.models import WebhookEndpoint
from messaging.webhooks import endpoints, rotation
from tests import builders
from tests.api_client import Answer, Api
from tests.builders import Tenant
from tests.messaging.webhooks import MASKED, SECRETS, made
from tests.messaging.webhooks import alice as alice
from tests.messaging.webhooks import api as api
from tests.messaging.webhooks import scoped as scoped

pytestmark = pytest.mark.django_db

DAY = timedelta(hours=24)


def rotated(api: Api, webhook: object, **asked: object) -> Answer:
    answer = api.post(f"/webhooks/{webhook}/rotate-secret", asked)
    assert answer.status == 200, answer.json
    return answer


def live(webhook: str, *, after: timedelta = timedelta(0)) -> tuple[str, ...]:
    return endpoints.live_secrets(WebhookEndpoint.objects.get(pk=webhook), now=clock.now() + after)


def test_a_new_secret_is_shown_once_and_the_old_one_signs_along_for_a_day(api: Api) -> None:
    webhook = made(api, headers=SECRETS)
    answer = rotated(api, webhook["id"]).json
    assert len(answer["secret"]) == 64
    assert live(webhook["id"]) == (answer["secret"], webhook["secret"])
    assert live(webhook["id"], after=DAY) == (answer["secret"],)
    told = answer["webhook"]
    assert told["headers"] == MASKED
    assert "secret" not in told
    rotated_at, until = (datetime.fromisoformat(told[name]) for name in ("secretRotatedAt", "previousSecretUntil"))
    assert until - rotated_at == DAY
    assert told == api.get(f"/webhooks/{webhook['id']}").json["webhook"]


@pytest.mark.parametrize(("hours", "still"), [(0, False), (1, False), (3, True), (168, True)])
def test_the_overlap_is_as_long_as_it_is_asked_for(hours: int, still: bool, api: Api) -> None:
    webhook = made(api)
    rotated(api, webhook["id"], overlapHours=hours)
    assert (webhook["secret"] in live(webhook["id"], after=timedelta(hours=2))) is still


def test_a_leaked_secret_ends_at_once_and_is_kept_nowhere(api: Api) -> None:
    webhook = made(api)
    answer = rotated(api, webhook["id"], overlapHours=0).json
    assert live(webhook["id"]) == (answer["secret"],)
    assert answer["webhook"]["previousSecretUntil"] is None
    assert WebhookEndpoint.objects.get(pk=webhook["id"]).previous_secret is None


def test_a_rotation_within_the_overlap_drops_the_oldest(api: Api) -> None:
    webhook = made(api)
    first = rotated(api, webhook["id"]).json["secret"]
    second = rotated(api, webhook["id"]).json["secret"]
    assert live(webhook["id"]) == (second, first)


def test_the_setting_says_how_long_when_nothing_is_asked(api: Api, settings: Settings) -> None:
    settings.WEBHOOK_SECRET_OVERLAP_HOURS = 0
    webhook = made(api)
    secret = rotated(api, webhook["id"]).json["secret"]
    assert live(webhook["id"]) == (secret,)


@pytest.mark.parametrize("hours", [-1, 169, 1.5, "24", True, []])
def test_an_overlap_that_can_not_be_is_refused_and_nothing_changes(hours: object, api: Api) -> None:
    webhook = made(api)
    answer = api.post(f"/webhooks/{webhook['id']}/rotate-secret", {"overlapHours": hours})
    assert (answer.status, answer.json["field"]) == (400, "overlapHours")
    assert live(webhook["id"]) == (webhook["secret"],)


def test_the_log_says_that_and_until_when_and_holds_no_secret(alice: Tenant, api: Api) -> None:
    webhook = made(api)
    answer = rotated(api, webhook["id"]).json
    event = Event.objects.get(account=alice.account, kind="webhook.secret_rotated")
    told = json.loads(event.data)
    assert (event.subject, told["by"]) == (webhook["id"], f"agent:{alice.agent.pk}")
    assert told["previous_until"][:23] == answer["webhook"]["previousSecretUntil"][:23]
    everything = str([one.data for one in Event.objects.filter(account=alice.account)])
    assert webhook["secret"] not in everything
    assert answer["secret"] not in everything


def test_a_repeated_request_rotates_once_and_shows_the_same_secret(api: Api) -> None:
    webhook = made(api)
    path = f"/webhooks/{webhook['id']}/rotate-secret"
    first, second = (api.post(path, Idempotency_Key="one") for _ in range(2))
    assert first.json == second.json
    assert live(webhook["id"]) == (first.json["secret"], webhook["secret"])


def test_secrets_that_ended_are_forgotten_and_others_are_not(api: Api) -> None:
    ended, lasting = made(api), made(api)
    rotated(api, ended["id"], overlapHours=1)
    rotated(api, lasting["id"], overlapHours=3)
    assert rotation.forget_ended(now=clock.now() + timedelta(hours=2)) == 1
    assert WebhookEndpoint.objects.get(pk=ended["id"]).previous_secret is None
    assert len(live(lasting["id"])) == 2


def test_whose_webhook_it_is_rotates_and_nobody_else(alice: Tenant, api: Api, scoped: Api) -> None:
    of_account, of_box = made(api), made(api, mailboxId=str(alice.mailbox.pk))
    rotated(scoped, of_box["id"])
    charlie = Api(builders.tenant("charlie").key_text)
    for stranger, webhook in ((scoped, of_account["id"]), (charlie, of_box["id"]), (charlie, new_id())):
        assert stranger.post(f"/webhooks/{webhook}/rotate-secret").status == 404
    rhea = Api(builders.decide_key(builders.member(alice.account)))
    assert rhea.post(f"/webhooks/{of_account['id']}/rotate-secret").code == "missing_scope"
    assert live(of_account["id"]) == (of_account["secret"],)


def test_a_suspended_account_may_end_a_secret_that_leaked(alice: Tenant, api: Api) -> None:
    webhook = made(api)
    suspensions.suspend(alice.account, reason="bounce_rate_exceeded", by="test", now=clock.now())
    rotated(api, webhook["id"], overlapHours=0)
    assert webhook["secret"] not in live(webhook["id"])
