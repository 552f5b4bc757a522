"""A mail asked for over the API."""

from __future__ import annotations

from typing import Any

from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from tests.api_client import Answer, Api
from tests.builders import Tenant

MAIL: dict[str, Any] = {"to": ["kim@friends.example"], "subject": "Hello", "bodyText": "Good day to you."}


def send(owner: Tenant, body: object = None, **headers: str) -> Answer:
    return Api(owner.key_text).post(f"/mailboxes/{owner.mailbox.pk}/messages", body or MAIL, **headers)


def upload(
    owner: Tenant, name: str = "plan.pdf", content: bytes = b"%PDF-1.7 plan", kind: str = "application/pdf"
) -> str:
    """The id of a file that was uploaded and waits to be sent."""
    file = SimpleUploadedFile(name, content, content_type=kind)
    headers = {"Authorization": f"Bearer {owner.key_text}"}
    answer = Client().post("/v1/attachments", {"file": file}, headers=headers)
    assert answer.status_code == 201, answer.content
    return str(answer.json()["id"])
