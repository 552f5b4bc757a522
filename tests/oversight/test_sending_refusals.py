"""Who may not send is told why, each with a code of its own, whatever else is wrong with the request."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from mailboxes import clock, keys, mailbox, suspensions
from mailboxes.models import ApiKey, Mailbox, MailboxStatus
from messaging.models import Message
from tests import builders
from tests.api_client import Api
from tests.builders import Tenant
from tests.oversight.sends import MAIL

pytestmark = pytest.mark.django_db


def expired(alice: Tenant) -> str:
    ApiKey.objects.filter(account=alice.account).update(expires_at=clock.now() - timedelta(seconds=1))
    return alice.key_text


def revoked(alice: Tenant) -> str:
    keys.revoke_now(ApiKey.objects.get(account=alice.account), by="test", now=clock.now())
    return alice.key_text


def unknown(alice: Tenant) -> str:
    ApiKey.objects.filter(account=alice.account).delete()
    return alice.key_text


def out_of_scope(alice: Tenant) -> str:
    wanted = mailbox.NewMailbox(address="other", domain=alice.mailbox.domain, agent=alice.agent)
    other = mailbox.create(alice.account, wanted, now=clock.now())
    return keys.create_agent_key(alice.agent, mailboxes=[other], now=clock.now())[1]


def suspended(alice: Tenant) -> str:
    suspensions.suspend(alice.account, reason="bounce_rate_exceeded", by="test", now=clock.now())
    return alice.key_text


def with_status(status: MailboxStatus) -> Callable[[Tenant], str]:
    def change(alice: Tenant) -> str:
        Mailbox.objects.filter(pk=alice.mailbox.pk).update(status=status)
        return alice.key_text

    return change


REFUSALS: list[tuple[Callable[[Tenant], str | None], int, str]] = [
    (lambda _: None, 401, "missing_key"),
    (lambda alice: alice.key_text[:-1], 401, "malformed_key"),
    (unknown, 401, "invalid_key"),
    (expired, 401, "expired_key"),
    (revoked, 401, "revoked_key"),
    (lambda alice: builders.decide_key(builders.member(alice.account)), 403, "missing_scope"),
    (out_of_scope, 404, "NOT_FOUND"),
    (suspended, 403, "account_suspended"),
    (with_status(MailboxStatus.SUSPENDED), 403, "mailbox_suspended"),
    (with_status(MailboxStatus.PAUSED), 400, "mailbox_inactive"),
]


@pytest.mark.parametrize(("key_of", "status", "code"), REFUSALS, ids=[code for _, _, code in REFUSALS])
@pytest.mark.parametrize("body", [MAIL, MAIL | {"to": ["nonsense"]}, {"nonsense": 1}])
def test_who_may_not_send_is_told_so_before_anything_else(
    key_of: Callable[[Tenant], str | None], status: int, code: str, body: dict[str, object]
) -> None:
    alice = builders.tenant()
    answer = Api(key_of(alice)).post(f"/mailboxes/{alice.mailbox.pk}/messages", body)
    assert (answer.status, answer.code) == (status, code)
    assert answer.json["error"]
    assert answer.json["fix"]
    assert answer.json["docs"]
    assert answer.json["requestId"]
    assert not Message.objects.filter(mailbox=alice.mailbox).exists()


def test_a_suspended_account_is_told_why() -> None:
    alice = builders.tenant()
    answer = Api(suspended(alice)).post(f"/mailboxes/{alice.mailbox.pk}/messages", MAIL)
    assert (answer.json["suspended"], answer.json["reason"]) == (True, "bounce_rate_exceeded")


def test_an_owner_who_is_not_approved_yet_has_a_code_of_its_own() -> None:
    alice = builders.tenant(is_verified=False)
    answer = Api(alice.key_text).post(f"/mailboxes/{alice.mailbox.pk}/messages", {"nonsense": 1})
    assert (answer.status, answer.code) == (403, "email_not_verified")
