"""From stored bytes to a message that the agent sees: once, whole, and never lost."""

from __future__ import annotations

import threading
from datetime import timedelta
from uuid import UUID

import pytest
from django.db import connection
from django.db.models import QuerySet

from mailboxes import clock, mailbox, quotas
from mailboxes.models import CountKind, Event, LimitKind
from messaging.inbound import claims, frames, intake, parser_process
from messaging.mime.types import Envelope
from messaging.models import Direction, Message, RawMessage, Status
from messaging.signals import messages_arrived
from oversight import admission
from tests import builders
from tests.arrivals import arrive, receive
from tests.letters import letter

pytestmark = pytest.mark.django_db

WITH_FILES = (
    b"From: Kim <kim@friends.example>\r\n"
    b"To: Alice <alice@agents.example>, bob@agents.example\r\n"
    b"Cc: cy@friends.example\r\n"
    b"Reply-To: desk@friends.example\r\n"
    b"Subject: =?utf-8?q?Caf=C3=A9?=\r\n"
    b"Message-ID: <files@friends.example>\r\n"
    b"MIME-Version: 1.0\r\n"
    b"Content-Type: multipart/mixed; boundary=b\r\n\r\n"
    b"--b\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nSee the file.\r\n"
    b'--b\r\nContent-Type: application/pdf\r\nContent-Disposition: attachment; filename="plan.pdf"\r\n'
    b"Content-ID: <p@x>\r\nContent-Transfer-Encoding: base64\r\n\r\naGVsbG8=\r\n--b--\r\n"
)


def inbound() -> QuerySet[Message]:
    return Message.objects.filter(direction=Direction.INBOUND)


def kinds(box_id: UUID) -> list[str]:
    return list(Event.objects.filter(mailbox_id=box_id, kind__startswith="message.").values_list("kind", flat=True))


def test_a_received_mail_becomes_a_visible_message_with_one_event() -> None:
    alice = builders.tenant()
    message = arrive(alice.mailbox, WITH_FILES)
    assert (message.direction, message.status) == (Direction.INBOUND, Status.RELEASED)
    assert message.released_at is not None
    assert (message.from_address, message.from_name, message.subject) == ("kim@friends.example", "Kim", "Café")
    assert message.to_addresses == ["alice@agents.example", "bob@agents.example"]
    assert (message.cc_addresses, message.bcc_addresses) == (["cy@friends.example"], [])
    assert (message.reply_to, message.body_text.strip()) == ("desk@friends.example", "See the file.")
    assert message.needs_decision
    assert kinds(alice.mailbox.pk) == ["message.received"]


def test_attachments_are_listed_with_their_part_when_a_mail_has_files() -> None:
    alice = builders.tenant()
    message = arrive(alice.mailbox, WITH_FILES)
    (file,) = message.attachments.all()
    assert message.has_attachments
    assert (file.filename, file.content_type, file.size_bytes) == ("plan.pdf", "application/pdf", 5)
    assert file.content_id == "p@x"
    assert file.part_index is not None
    assert parser_process.attachment_content(WITH_FILES, file.part_index) == b"hello"


def test_the_event_holds_ids_only_when_a_mail_is_received() -> None:
    alice = builders.tenant()
    message = arrive(alice.mailbox, letter(subject="Secret plan"))
    event = Event.objects.get(kind="message.received")
    assert str(message.pk) in event.data
    assert "Secret" not in event.data
    assert "kim" not in event.data


def test_a_received_mail_counts_for_the_month_even_over_the_limit() -> None:
    alice = builders.tenant()
    quotas.count(alice.account, LimitKind.MONTHLY_INBOUND, 1000, now=clock.now())
    message = arrive(alice.mailbox)
    used = quotas.used([alice.account.pk], LimitKind.MONTHLY_INBOUND, now=clock.now())
    assert used == {alice.account.pk: 1001}
    assert message.status == Status.RELEASED


def test_a_received_mail_counts_for_its_mailbox_and_for_the_day() -> None:
    alice = builders.tenant()
    arrive(alice.mailbox)
    arrive(alice.mailbox, letter(subject="Another"))
    of_the_box = quotas.used([alice.mailbox.pk], LimitKind.MONTHLY_INBOUND, now=clock.now())
    today = quotas.used([alice.account.pk], CountKind.DAILY_INBOUND, now=clock.now())
    assert (of_the_box, today) == ({alice.mailbox.pk: 2}, {alice.account.pk: 2})


def test_the_same_bytes_again_are_stored_as_a_duplicate_and_shown_once() -> None:
    alice = builders.tenant()
    raw = letter()
    first, second = (receive(raw, alice.mailbox.full_address) for _ in range(2))
    assert second.duplicate_of == first
    assert intake.process_due(limit=10, now=clock.now()) == 1
    assert inbound().count() == 1


def test_the_same_bytes_from_another_sender_or_for_another_mailbox_are_mail_of_their_own() -> None:
    alice, bob = builders.tenant("alice"), builders.tenant("bob")
    raw = letter()
    receive(raw, alice.mailbox.full_address)
    receive(raw, alice.mailbox.full_address, sender="lee@friends.example")
    receive(raw, bob.mailbox.full_address)
    assert intake.process_due(limit=10, now=clock.now()) == 3


def test_one_mail_for_two_spellings_of_a_mailbox_is_shown_once() -> None:
    alice = builders.tenant()
    local, _, domain = alice.mailbox.full_address.partition("@")
    both = Envelope("kim@friends.example", (alice.mailbox.full_address, f"{local}+x@{domain}"))
    rows = intake.receive_all(letter(), envelope=both, via=intake.Via("smtp"), now=clock.now())
    assert len(rows) == 2
    assert intake.process_due(limit=10, now=clock.now()) == 1


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\x00" * 100,
        b"no header at all",
        b"From: a@b.example, c@d.example\r\nSubject: two\r\n\r\nx",
        b"Content-Type:;ound" + b"9" * 67 + b"=AAA\r\n\r\nx",
        b"Subject: \xff\xfe\x00 =?utf-8?q?=00=ED=A0=80?=\r\nX-\x00: \x00\r\n\r\n\x00\xed\xa0\x80",
        b"Date: 1 Jul 9999999994 9:7-3\r\nContent-Type: text/plain; charset=idna\r\n\r\n\xe6",
        b'Content-Type: text/plain; name="a\x00b"\r\nContent-Disposition: attachment; filename="../\x00"\r\n\r\nx',
    ],
)
def test_unreadable_mail_is_listed_with_its_defects(raw: bytes) -> None:
    alice = builders.tenant()
    message = arrive(alice.mailbox, raw)
    assert message.status == Status.RELEASED
    assert message.defects
    assert bytes(message.raw_message.raw) == raw


def test_a_mail_whose_reader_died_is_listed_and_flagged(monkeypatch: pytest.MonkeyPatch) -> None:
    alice = builders.tenant()
    monkeypatch.setattr(frames, "PARSE", "no such verb")
    message = arrive(alice.mailbox)
    assert message.defects == ["parser_died"]
    assert kinds(alice.mailbox.pk) == ["message.received"]


def test_a_mail_without_message_id_gets_one_to_be_answered_by() -> None:
    alice = builders.tenant()
    message = arrive(alice.mailbox, b"From: kim@friends.example\r\nSubject: x\r\n\r\nx\r\n")
    assert message.message_id.endswith("@mail.agents.example>")


@pytest.mark.parametrize(
    ("headers", "sender", "is_automatic"),
    [
        ((), "kim@friends.example", False),
        (("Auto-Submitted: auto-replied",), "kim@friends.example", True),
        (("Precedence: bulk",), "kim@friends.example", True),
        ((), "", True),
    ],
)
def test_mail_of_machines_is_marked(headers: tuple[str, ...], sender: str, is_automatic: bool) -> None:
    alice = builders.tenant()
    assert arrive(alice.mailbox, letter(*headers), sender=sender).is_automatic is is_automatic


def test_mail_for_a_paused_mailbox_waits_unseen_until_it_is_active() -> None:
    alice = builders.tenant()
    mailbox.change(alice.mailbox, status="PAUSED", now=clock.now())
    row = receive(letter(), alice.mailbox.full_address)
    assert intake.process_due(limit=10, now=clock.now()) == 0
    assert not intake.process(row, now=clock.now())
    assert kinds(alice.mailbox.pk) == []
    mailbox.change(alice.mailbox, status="ACTIVE", now=clock.now())
    assert intake.process_due(limit=10, now=clock.now()) == 1
    assert kinds(alice.mailbox.pk) == ["message.received"]


def test_mail_for_a_mailbox_that_is_deleted_meanwhile_is_kept_and_not_shown() -> None:
    alice = builders.tenant()
    row = receive(letter(), alice.mailbox.full_address)
    mailbox.delete(alice.mailbox, by="test", now=clock.now())
    assert intake.process_due(limit=10, now=clock.now()) == 1
    row.refresh_from_db()
    assert row.message is None
    assert not inbound().exists()


def test_mail_for_the_operator_is_stored_and_nobody_elses() -> None:
    row = receive(letter(), "postmaster@agents.example")
    assert intake.process(row, now=clock.now())
    assert not inbound().exists()
    assert RawMessage.objects.get().processed_at is not None


def test_a_raw_message_is_filed_once_when_it_is_processed_twice() -> None:
    alice = builders.tenant()
    row = receive(letter(), alice.mailbox.full_address)
    assert intake.process(row, now=clock.now())
    assert not intake.process(row, now=clock.now())
    assert inbound().count() == 1


def test_mail_is_not_filed_and_comes_again_when_nobody_admits_it() -> None:
    alice = builders.tenant()
    row = receive(letter(), alice.mailbox.full_address)
    messages_arrived.disconnect(admission.on_messages_arrived)
    try:
        assert intake.process_due(limit=10, now=clock.now()) == 0
    finally:
        messages_arrived.connect(admission.on_messages_arrived)
    row.refresh_from_db()
    assert (row.processed_at, row.failures_count) == (None, 1)
    assert not inbound().exists()
    assert intake.process_due(limit=10, now=clock.now() + claims.FIRST_PAUSE) == 1
    assert kinds(alice.mailbox.pk) == ["message.received"]


def test_the_others_are_filed_when_one_mail_can_not_be() -> None:
    alice = builders.tenant()

    def refuse(*, messages: list[Message], **_: object) -> None:
        if any(message.subject == "Bad" for message in messages):
            raise RuntimeError("a defect of ours")

    receive(letter(subject="Bad"), alice.mailbox.full_address)
    receive(letter(subject="Good"), alice.mailbox.full_address)
    messages_arrived.connect(refuse)
    now = clock.now()
    try:
        assert intake.process_due(limit=10, now=now) == 1
    finally:
        messages_arrived.disconnect(refuse)
    assert [message.subject for message in inbound()] == ["Good"]
    assert intake.process_due(limit=10, now=now + claims.FIRST_PAUSE - timedelta(milliseconds=1)) == 0
    assert intake.process_due(limit=10, now=clock.now() + claims.FIRST_PAUSE) == 1


def test_a_forged_result_under_our_name_is_not_shown() -> None:
    alice = builders.tenant()
    forged = [
        "Authentication-Results: mail.agents.example; dmarc=pass",
        "authentication-results: (x) MAIL.AGENTS.EXAMPLE 1; spf=pass",
        "Authentication-Results: ; dkim=pass",
    ]
    headers = arrive(alice.mailbox, letter(*forged)).headers
    results = [value for name, value in headers.items() if name.lower() == "authentication-results"]
    assert results == ["mail.agents.example; spf=none; dkim=none; dmarc=none"]


def test_nothing_says_who_else_got_the_mail_when_the_headers_name_other_people() -> None:
    alice = builders.tenant()
    message = arrive(alice.mailbox, letter("Bcc: hidden@friends.example"))
    assert message.bcc_addresses == []


@pytest.mark.race
@pytest.mark.django_db(transaction=True)
def test_five_resends_at_once_make_one_visible_message() -> None:
    alice = builders.tenant()
    raw, start = letter(), threading.Barrier(5)

    def resend() -> None:
        try:
            start.wait(60)
            receive(raw, alice.mailbox.full_address)
            intake.process_due(limit=10, now=clock.now() + timedelta(seconds=1))
        finally:
            connection.close()

    threads = [threading.Thread(target=resend) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive()
    intake.process_due(limit=10, now=clock.now())
    assert RawMessage.objects.count() == 5
    assert inbound().filter(status=Status.RELEASED).count() == 1
