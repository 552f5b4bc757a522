"""What agents are told of an event: the contract's payloads, our own, and nothing that is not theirs to know."""

from __future__ import annotations

import json
from typing import Any

import pytest

from mailboxes import clock
from mailboxes.models import Event
from messaging.events import reading
from messaging.events.rendering import Told, render
from tests import arrivals, builders
from tests.letters import letter

pytestmark = pytest.mark.django_db


def _told(owner: builders.Tenant, kind: str) -> list[dict[str, Any]]:
    return [json.loads(one.body) for one in _all(owner) if one.kind == kind]


def _all(owner: builders.Tenant) -> list[Told]:
    return reading.page(owner.account.pk, after=0, limit=1000, now=clock.now()).told


def test_a_received_mail_is_told_in_full() -> None:
    alice = builders.tenant()
    message = arrivals.arrive(alice.mailbox, letter("Cc: lee@friends.example", to=alice.mailbox.full_address))

    (told,) = _told(alice, "message.received")

    event = Event.objects.get(kind="message.received", account=alice.account)
    data = told.pop("data")
    assert told == {"id": str(event.pk), "event": "message.received", "timestamp": told["timestamp"]}
    headers = data.pop("headers")
    assert headers["Subject"] == "Hello"
    assert data == {
        "message_id": str(message.pk),
        "mailbox_id": str(alice.mailbox.pk),
        "mailbox_address": alice.mailbox.full_address,
        "rfc_message_id": message.message_id,
        "thread_id": str(message.thread_id),
        "from": "kim@friends.example",
        "to": [alice.mailbox.full_address],
        "cc": ["lee@friends.example"],
        "subject": "Hello",
        "in_reply_to": None,
        "body_text": "Good day to you.",
        "body_html": None,
        "received_at": data["received_at"],
        "attachments": [],
        "metadata": {},
        "tags": [],
        "answers": None,
    }


def test_other_events_are_told_as_they_were_recorded() -> None:
    alice = builders.tenant()
    events = list(Event.objects.filter(account=alice.account, kind="key.created"))

    (told,) = render(alice.account.pk, events, now=clock.now())

    assert json.loads(told.body)["data"] == json.loads(events[0].data)
