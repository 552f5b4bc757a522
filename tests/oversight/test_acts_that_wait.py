"""Which acts of agents wait for a person: A23, R2, R3. None of them has any effect before that."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]

from mailboxes import accounts, clock, keys, mailbox
from mailboxes.api.openapi import document
from mailboxes.models import Account, ApiKey, Mailbox
from messaging.models import WebhookEndpoint
from oversight import permits
from tests import builders
from tests.api_client import Api
from tests.builders import Tenant

from .leave import EVIL, asks_first, call, mails, waiting

pytestmark = pytest.mark.django_db


@pytest.fixture
def alice() -> Tenant:
    owner = builders.tenant()
    asks_first(owner)
    return owner


@pytest.fixture
def api(alice: Tenant) -> Api:
    return Api(alice.key_text)


def _key(owner: Tenant) -> ApiKey:
    return keys.create_agent_key(owner.agent, now=clock.now())[0]


def _paused(owner: Tenant) -> Mailbox:
    return mailbox.change(owner.mailbox, status="PAUSED", now=clock.now())


def _hook(owner: Tenant) -> str:
    return f"/webhooks/{builders.webhook(owner)[0].pk}"


Asked = tuple[str, str, object]
WAITS: dict[str, Callable[[Tenant], Asked]] = {
    "make a mailbox": lambda _: ("POST", "/mailboxes", {"address": "new"}),
    "delete a mailbox": lambda owner: ("DELETE", f"/mailboxes/{owner.mailbox.pk}", None),
    "wake a mailbox": lambda owner: ("PATCH", f"/mailboxes/{_paused(owner).pk}", {"status": "ACTIVE"}),
    "make a key": lambda _: ("POST", "/api-keys", {"name": "spare"}),
    "make a scoped key": lambda owner: ("POST", "/api-keys", {"mailboxIds": [str(owner.mailbox.pk)]}),
    "make a first test key": lambda _: ("POST", "/api-keys", {"environment": "test"}),
    "rotate its own key": lambda owner: (
        "POST",
        f"/api-keys/{ApiKey.objects.get(account=owner.account).pk}/rotate",
        {},
    ),
    "revoke another key": lambda owner: ("DELETE", f"/api-keys/{_key(owner).pk}", None),
    "bind another key": lambda owner: ("PATCH", f"/api-keys/{_key(owner).pk}", {"ipAllowlist": ["203.0.113.1"]}),
    "let a webhook hear all": lambda owner: ("PATCH", _hook(owner), {"events": ["*"]}),
    "lead a webhook elsewhere": lambda owner: ("PATCH", _hook(owner), {"url": EVIL["url"]}),
    "pause a webhook": lambda owner: ("PATCH", _hook(owner), {"status": "PAUSED"}),
    "change what is sent to a webhook": lambda owner: ("PATCH", _hook(owner), {"headers": None, "tags": ["x"]}),
    "delete a webhook": lambda owner: ("DELETE", _hook(owner), None),
    "rotate a secret": lambda owner: ("POST", f"{_hook(owner)}/rotate-secret", {"overlapHours": 0}),
    "delete the account": lambda _: ("DELETE", "/account", {"confirm": "DELETE"}),
}


def all_rows() -> list[dict[str, object]]:
    models = (Mailbox, ApiKey, WebhookEndpoint, Account)
    rows = [row for model in models for row in model.objects.order_by("pk").values()]
    return [{name: value for name, value in row.items() if name != "last_used_at"} for row in rows]


@pytest.mark.parametrize("name", WAITS)
def test_nothing_happens_but_a_question_when_an_agent_asks_to(name: str, alice: Tenant, api: Api) -> None:
    accounts.platform()
    method, path, body = WAITS[name](alice)
    before = all_rows()
    answer = api.send(method, path, body)
    assert (answer.status, answer.json["status"]) == (202, "pending_approval")
    assert len(mails(alice)) == 1
    permits.grant(alice.owner, waiting(alice).pk, second_step_at=clock.now(), now=clock.now())
    assert all_rows() == before


# What an agent may do to these things without leave: it tells nobody anything new, or only makes it safer.
HARMLESS = {
    "pingWebhook",
    "redeliverWebhookDelivery",
    "redeliverWebhookEvents",
    "sendWelcomeEmail",
    "setPostVerifyTarget",
    "requestUpgrade",  # asks for leave itself
    "upgradeMailbox",
    "sendMessage",
    "cancelMessage",
    "resubmitMessage",
}


def test_every_write_to_keys_webhooks_mailboxes_and_the_account_takes_a_code_as_documented(
    alice: Tenant, api: Api
) -> None:
    told = document()
    writes = {
        one["operationId"]: one
        for path, methods in told["paths"].items()
        for method, one in methods.items()
        if method != "get" and path.split("/")[2] in {"api-keys", "webhooks", "mailboxes", "account"}
    }
    taking = {
        name
        for name, one in writes.items()
        if "Approval-Code" in {given["name"] for given in one.get("parameters", ())}
    }
    assert set(writes) - taking == HARMLESS
    schema = writes["createWebhook"]["responses"]["202"]["content"]["application/json"]["schema"]
    problems = Draft202012Validator({**schema, "components": told["components"]}).iter_errors(call(api).json)
    assert [problem.message for problem in problems] == []
