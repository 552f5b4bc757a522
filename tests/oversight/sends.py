"""A mail asked for over the API."""

from __future__ import annotations

from typing import Any

from tests.api_client import Answer, Api
from tests.builders import Tenant

MAIL: dict[str, Any] = {"to": ["kim@friends.example"], "subject": "Hello", "bodyText": "Good day to you."}


def send(owner: Tenant, body: object = None, **headers: str) -> Answer:
    return Api(owner.key_text).post(f"/mailboxes/{owner.mailbox.pk}/messages", body or MAIL, **headers)
