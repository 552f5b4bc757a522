"""Alice, her keys, and webhooks that she makes over the API."""

from __future__ import annotations

from typing import Any

import pytest

from mailboxes import clock
from mailboxes.models import Mailbox
from messaging.webhooks import fanout
from tests import builders
from tests.api_client import Answer, Api
from tests.builders import Tenant

URL = "https://hooks.example/mail"
SECRETS = {"Authorization": "Bearer very-secret", "X-Team": "blue"}
MASKED = {"Authorization": "********", "X-Team": "********"}
NEW: dict[str, Any] = {"url": URL, "events": ["message.received"]}


@pytest.fixture
def alice() -> Tenant:
    return builders.tenant()


@pytest.fixture
def api(alice: Tenant) -> Api:
    return Api(alice.key_text)


@pytest.fixture
def other_box(alice: Tenant) -> Mailbox:
    made = Api(alice.key_text).post("/mailboxes", {"address": "other"}).json["mailbox"]
    return Mailbox.objects.get(pk=made["id"])


@pytest.fixture
def scoped(alice: Tenant) -> Api:
    """A key that is scoped to Alice's first mailbox."""
    return Api(Api(alice.key_text).post("/api-keys", {"mailboxIds": [str(alice.mailbox.pk)]}).json["key"])


def made(api: Api, **fields: Any) -> dict[str, Any]:
    answer = api.post("/webhooks", NEW | fields)
    assert answer.status == 201, answer.json
    webhook: dict[str, Any] = answer.json["webhook"]
    return webhook


def changed(api: Api, webhook: dict[str, Any], **fields: Any) -> dict[str, Any]:
    answer = api.patch(f"/webhooks/{webhook['id']}", fields)
    assert answer.status == 200, answer.json
    told: dict[str, Any] = answer.json["webhook"]
    return told


def every_act(api: Api, id: object) -> list[Answer]:
    return [
        api.get(f"/webhooks/{id}"),
        api.get(f"/webhooks/{id}/deliveries"),
        api.patch(f"/webhooks/{id}", {"status": "PAUSED"}),
        api.delete(f"/webhooks/{id}"),
    ]


def fan_out() -> None:
    """Make deliveries of all that happened."""
    while fanout.fan_out(now=clock.now()):
        pass
