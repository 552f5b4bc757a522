"""A webhook that failed is told to a human, in words, and not again and again."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from pytest_django import Settings

from mailboxes import clock as platform_clock
from mailboxes import test_accounts
from messaging.models import Message, WebhookEndpoint
from messaging.webhooks import endpoints
from tests import builders
from tests.builders import Tenant
from tests.conftest import Clock
from tests.postman import mails_to

pytestmark = pytest.mark.django_db


@pytest.fixture
def alice() -> Tenant:
    return builders.tenant()


def failed(endpoint: WebhookEndpoint, *, now: datetime | None = None, **facts: object) -> None:
    """What telling records when it gives a webhook up."""
    told = {"failures": 10, "since": "2026-05-01T12:00:00.000000Z", "response_status": 503, "code": "", **facts}
    endpoints.record(endpoint, "webhook.failed", by="platform", now=now or platform_clock.now(), **told)


def mails(owner: Tenant) -> list[Message]:
    about = mails_to(owner.owner.user.email, subject__contains="has failed")
    return list(about.order_by("created_at"))


def test_the_owner_reads_which_server_since_when_what_it_answered_and_what_to_do(alice: Tenant) -> None:
    endpoint, secret = builders.webhook(alice, headers={"X-Key": "very-secret"})
    failed(endpoint)
    [mail] = mails(alice)
    assert mail.account.is_platform
    assert mail.subject == f"A webhook of {alice.account.slug} has failed"
    for text in (mail.body_text, mail.body_html or ""):
        for word in (
            "hooks.example",
            "10 times in a row",
            "2026-05-01 12:00",
            "status 503",
            f"/v1/webhooks/{endpoint.pk}",
        ):
            assert word in text
        assert "ACTIVE" in text
        assert "Nothing is lost meanwhile" in text
        assert "30 days" in text
        assert secret not in text
        assert "very-secret" not in text
        assert "hooks.example/mail" not in text  # the path of a webhook is often a credential


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("timed_out", "the server did not answer in time"),
        ("tls_failed", "certificate could not be verified"),
        ("odd_code", "no answer (odd_code)"),
    ],
)
def test_why_there_was_no_answer_is_said_in_words(code: str, words: str, alice: Tenant) -> None:
    failed(builders.webhook(alice)[0], response_status=None, code=code)
    [mail] = mails(alice)
    assert words in mail.body_text


def test_a_webhook_that_fails_again_and_again_is_told_once_in_a_while(
    alice: Tenant, clock: Clock, settings: Settings
) -> None:
    clock.set(datetime.fromisoformat("2030-01-01T06:00:00Z"))
    endpoint, other = (builders.webhook(alice)[0] for _ in range(2))
    for _ in range(5):
        failed(endpoint)
        clock.advance(seconds=3600)
    assert len(mails(alice)) == 1
    failed(other)
    assert len(mails(alice)) == 2
    clock.advance(seconds=timedelta(hours=settings.WEBHOOK_NOTICE_HOURS).total_seconds())
    failed(endpoint)
    assert len(mails(alice)) == 3
    settings.WEBHOOK_NOTICE_HOURS = 0
    failed(endpoint)
    assert len(mails(alice)) == 4


def test_who_has_not_proven_the_address_is_not_written_to() -> None:
    bob = builders.tenant("bob", is_verified=False)
    failed(builders.webhook(bob)[0])
    assert mails(bob) == []


def test_the_failure_stands_when_the_mail_can_not_be_made(alice: Tenant, settings: Settings) -> None:
    settings.MAX_MESSAGE_BYTES = 10
    endpoint, _ = builders.webhook(alice)
    failed(endpoint)
    assert mails(alice) == []


def test_a_webhook_of_test_data_is_told_to_the_same_people(alice: Tenant) -> None:
    twin = test_accounts.open_for(alice.account, now=platform_clock.now())
    endpoint = WebhookEndpoint(
        account=twin, url="https://test.example/", events=["*"], secret=endpoints.new_secret()[1]
    )
    endpoint.save()
    failed(endpoint)
    [mail] = mails(alice)
    assert "test.example" in mail.body_text
