"""What agents are told of an event: the contract's payloads, our own, and nothing that is not theirs to know."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from mailboxes import clock, events, mailbox, statements
from mailboxes.api.fields import moment_text
from mailboxes.models import Account, Event, LimitKind
from messaging import lifecycle
from messaging.events import envelope
from messaging.events.rendering import render
from messaging.inbound import withholding
from messaging.models import Message, Status
from oversight import admission, reviews
from oversight.policy.types import Outcome, Verdict
from tests import arrivals, builders
from tests.letters import letter
from tests.postman import mails_to

from . import rendered

pytestmark = pytest.mark.django_db

WITH_A_FILE = (
    b"From: Kim <kim@friends.example>\r\nTo: a@agents.example\r\nSubject: A file\r\nMessage-ID: <f@friends.example>\r\n"
    b"MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
    b"--b\r\nContent-Type: text/plain\r\n\r\nSee the file.\r\n"
    b'--b\r\nContent-Type: application/pdf\r\nContent-Disposition: attachment; filename="plan.pdf"\r\n'
    b"Content-Transfer-Encoding: base64\r\n\r\naGVsbG8=\r\n--b--\r\n"
)
LONG = 3 * 1024 * 1024


def test_a_received_mail_is_told_in_full() -> None:
    alice = builders.tenant()
    message = arrivals.arrive(alice.mailbox, letter("Cc: lee@friends.example", to=alice.mailbox.full_address))

    event = Event.objects.get(kind="message.received", account=alice.account)
    whole = rendered.envelope(alice, "message.received")
    data = whole.pop("data")
    headers = data.pop("headers")
    assert headers["Subject"] == "Hello"
    assert whole == {"id": str(event.pk), "event": "message.received", "timestamp": moment_text(event.created_at)}
    assert message.received_at is not None
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
        "received_at": moment_text(message.received_at),
        "attachments": [],
        "metadata": {},
        "tags": [],
        "answers": None,
    }


def test_a_received_mail_says_which_of_ours_it_answers_and_counts_with_its_tags() -> None:
    alice = builders.tenant()
    ours = builders.submit(alice, metadata={"order": "17"}, tags=("orders",))
    arrivals.arrive(alice.mailbox, letter(f"In-Reply-To: {ours.message_id}", to=alice.mailbox.full_address))

    answers = rendered.data(alice, "message.received")["answers"]
    assert answers == {
        "message_id": str(ours.pk),
        "rfc_message_id": ours.message_id,
        "metadata": {"order": "17"},
        "tags": ["orders"],
    }
    assert rendered.everything(alice)[-1].tags == {"orders"}


def test_a_file_comes_with_a_link_that_needs_no_key(files_folder: Path) -> None:
    alice = builders.tenant()
    message = arrivals.arrive(alice.mailbox, WITH_A_FILE)

    (file,) = rendered.data(alice, "message.received")["attachments"]
    link = file.pop("download_url")
    stored = message.attachments.get()
    assert file == {
        "id": str(stored.pk),
        "filename": "plan.pdf",
        "content_type": "application/pdf",
        "size_bytes": 5,
        "content_id": None,
    }
    answer = Client().get(link)
    assert b"".join(answer.streaming_content) == b"hello"  # type: ignore[attr-defined]


@pytest.mark.parametrize(("limit", "is_told"), [(3, False), (2, True), (1, True)])
def test_usage_is_told_from_half_of_the_limit_on(limit: int, is_told: bool) -> None:
    alice = builders.tenant()
    builders.limit(alice.account, LimitKind.MONTHLY_INBOUND, limit)
    arrivals.arrive(alice.mailbox)
    assert ("account" in rendered.data(alice, "message.received")) is is_told


def test_usage_names_count_limit_share_and_end() -> None:
    alice = builders.tenant()
    builders.limit(alice.account, LimitKind.MONTHLY_INBOUND, 2)
    arrivals.arrive(alice.mailbox)
    usage = rendered.data(alice, "message.received")["account"]["inbound_usage"]
    reset = usage.pop("reset_date")
    assert usage == {"current": 1, "limit": 2, "percentage": 50, "status": "approaching"}
    assert reset.endswith("-01T00:00:00.000Z")


def test_a_withheld_mail_is_a_stub_with_nothing_of_the_mail() -> None:
    alice = builders.tenant()
    message = arrivals.withheld(alice.mailbox)

    data = rendered.data(alice, "message.received")
    assert message.received_at is not None
    usage, upgrade = data["account"].pop("inbound_usage"), data["account"].pop("upgrade")
    assert data == {
        "over_limit": True,
        "message_id": str(message.pk),
        "mailbox_id": str(alice.mailbox.pk),
        "mailbox_address": alice.mailbox.full_address,
        "received_at": moment_text(message.received_at),
        "account": {},
    }
    assert usage.keys() == {"current", "limit", "percentage", "reset_date", "status"}
    assert upgrade.keys() == {"browser_url", "api_endpoint", "hint"}
    assert upgrade["api_endpoint"] == {"method": "POST", "path": "/v1/billing/upgrade"}
    assert "One too many" not in rendered.everything(alice)[-1].body


def test_an_unlocked_mail_is_told_in_full() -> None:
    alice = builders.tenant()
    arrivals.withheld(alice.mailbox)
    builders.limit(alice.account, LimitKind.MONTHLY_INBOUND, 0)
    withholding.unlock(alice.account, now=clock.now())

    data = rendered.data(alice, "message.unlocked")
    assert (data["subject"], data["body_text"]) == ("One too many", "Good day to you.")
    assert data["unlocked_at"].endswith("Z")


def test_what_is_not_about_messages_is_told_as_it_was_recorded() -> None:
    alice = builders.tenant()
    stored = Event.objects.get(account=alice.account, kind="key.created")
    assert rendered.data(alice, "key.created") == json.loads(stored.data)


def test_the_mail_of_a_deleted_mailbox_is_told_by_its_ids_only() -> None:
    alice = builders.tenant()
    message = arrivals.arrive(alice.mailbox, letter(to=alice.mailbox.full_address, subject="Secret"))
    mailbox.delete(alice.mailbox, by="test", now=clock.now())

    assert rendered.data(alice, "message.received") == {
        "message_id": str(message.pk),
        "mailbox_id": str(alice.mailbox.pk),
        "thread_id": str(message.thread_id),
    }
    assert not any("Secret" in one.body for one in rendered.everything(alice))


def _hold(messages: Sequence[Message], *, now: datetime) -> None:
    """As a mailbox would whose received mail a human lets in: no mode that can be set does so yet."""
    for message in messages:
        lifecycle.advance(message, Status.HELD, now=now)
        reviews.open(message, verdict=Verdict(Outcome.HOLD, "test", "Held.", ()), now=now)


def test_a_mail_that_was_not_let_in_is_unknown_and_so_is_its_review(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admission, "admit", _hold)
    alice = builders.tenant()
    before = rendered.kinds(alice)
    arrivals.arrive(alice.mailbox)

    recorded = set(Event.objects.filter(account=alice.account).values_list("kind", flat=True))
    assert {"message.held", "review.opened"} <= recorded
    assert rendered.kinds(alice) == before


def test_the_mail_of_the_house_is_told_to_nobody() -> None:
    alice = builders.tenant()
    house = Account.objects.get(is_platform=True)
    assert mails_to(alice.owner.user.email).exists()
    recorded = list(Event.objects.filter(account=house))
    assert any(event.kind == "message.queued" for event in recorded)
    assert render(house.pk, recorded, now=clock.now()) == []


def test_kinds_that_are_for_humans_are_left_out() -> None:
    alice = builders.tenant()
    recorded = Event.objects.filter(account=alice.account)
    assert recorded.filter(kind="account.verification_requested").exists()
    assert "account.verification_requested" not in rendered.kinds(alice)


def test_nothing_of_another_account_is_told_whatever_an_event_names() -> None:
    alice, charlie = builders.tenant("alice"), builders.tenant("charlie")
    message = arrivals.arrive(alice.mailbox, letter(to=alice.mailbox.full_address, subject="Secret"))
    ids = {"message_id": str(message.pk), "mailbox_id": str(charlie.mailbox.pk)}
    events.record(charlie.account, "message.received", subject=str(message.pk), data=ids, now=clock.now())
    assert rendered.data(charlie, "message.received") == ids


def test_an_envelope_is_one_line_to_every_reader() -> None:
    alice = builders.tenant()
    odd = "one\u2028two\u2029three\u0085four\x0bfive"
    body = f"{odd}\r\nsix — sieben\r\n"
    raw = letter("Content-Type: text/plain; charset=utf-8", to=alice.mailbox.full_address, body=body)
    message = arrivals.arrive(alice.mailbox, raw)

    (one,) = [one for one in rendered.everything(alice) if one.kind == "message.received"]
    assert len(one.body.splitlines()) == 1
    assert json.loads(one.body)["data"]["body_text"] == message.body_text
    assert "sieben" in message.body_text
    assert "—" in one.body


@pytest.mark.parametrize("character", ["x", "ä", "\\", "\u2028", "\U0001f4ec"])
def test_a_long_mail_is_cut_and_says_so(character: str) -> None:
    alice = builders.tenant()
    row = arrivals.arrive(alice.mailbox)
    # The parser takes no text as long as this; what can stand in the table must be told all the same.
    Message.objects.filter(pk=row.pk).update(body_text="Short text.", body_html=character * LONG)

    (one,) = [one for one in rendered.everything(alice) if one.kind == "message.received"]
    data = json.loads(one.body)["data"]
    assert envelope.MOST_BYTES - 20 < len(one.body.encode()) < 1024 * 1024
    assert data["truncated"] is True
    assert data["body_text"] == "Short text."
    assert set(data["body_html"]) == {character}


def test_the_html_goes_before_the_text_when_both_are_long() -> None:
    alice = builders.tenant()
    row = arrivals.arrive(alice.mailbox)
    Message.objects.filter(pk=row.pk).update(body_text="a" * LONG, body_html="<p>b</p>")
    data = rendered.data(alice, "message.received")
    assert data["body_html"] is None
    assert set(data["body_text"]) == {"a"}


@pytest.mark.parametrize("field", ["headers", "to_addresses"])
def test_what_else_is_too_long_is_left_out(field: str) -> None:
    alice = builders.tenant()
    row = arrivals.arrive(alice.mailbox)
    value = {"X-Long": "x" * LONG} if field == "headers" else ["kim@friends.example"] * (LONG // 20)
    Message.objects.filter(pk=row.pk).update(**{field: value})
    data = rendered.data(alice, "message.received")
    assert data["truncated"] is True
    assert data["message_id"] == str(row.pk)
    assert data.get("headers", {}) == {}


def test_a_batch_takes_a_fixed_number_of_statements(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    run = statements.run

    def noted(statement: str, parameters: Mapping[str, object]) -> list[tuple[Any, ...]]:
        asked.append(statement)
        return run(statement, parameters)

    alice = builders.tenant()
    counts = []
    for number in (b"1", b"2"):
        ours = builders.submit(alice)
        for _ in range(2):
            arrivals.arrive(alice.mailbox, letter(f"In-Reply-To: {ours.message_id}", to=alice.mailbox.full_address))
        arrivals.arrive(alice.mailbox, WITH_A_FILE.replace(b"<f@", b"<f" + number + b"@"))
        recorded = list(Event.objects.filter(account=alice.account))
        with monkeypatch.context() as patched, CaptureQueriesContext(connection) as queries:
            patched.setattr(statements, "run", noted)
            asked.clear()
            render(alice.account.pk, recorded, now=clock.now())
            counts.append(len(asked) + len(queries))
    assert counts[1] <= counts[0] <= 7
