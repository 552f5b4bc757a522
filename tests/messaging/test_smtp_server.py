"""The SMTP listener, spoken to over a real socket: what it takes, what it refuses, and what a 250 means."""

from __future__ import annotations

import smtplib
import threading
import time
from collections.abc import Iterator
from contextlib import suppress

import pytest
from django.conf import settings
from django.db import connections
from pytest_django import Settings

from mailboxes import clock, mailbox
from messaging.inbound import smtp_server
from messaging.models import RawMessage
from tests import builders
from tests.letters import letter
from tests.listeners import Dialogue, listening

pytestmark = pytest.mark.django_db(transaction=True)

SMUGGLING = [b"\n.\n", b"\r.\r", b"\n.\r\n", b"\r\n.\n", b"\r\n.\r", b"\r.\n", b"\r\n\x00.\r\n"]


@pytest.fixture
def port() -> Iterator[int]:
    with listening() as port:
        yield port


@pytest.fixture
def address() -> str:
    return builders.tenant().mailbox.full_address


def send(port: int, raw: bytes, *recipients: str, sender: str = "kim@friends.example") -> None:
    with smtplib.SMTP("127.0.0.1", port, local_hostname="client.example") as client:
        client.sendmail(sender, list(recipients), raw)


def end_other_connections() -> None:
    with connections["default"].cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()"
            " AND pid <> pg_backend_pid() AND usename = current_user"
        )


def test_a_250_means_that_the_exact_bytes_and_the_envelope_are_stored(port: int, address: str) -> None:
    raw = letter(to=address, body="Caf\u00e9\r\n.hidden dot\r\n" + "x" * 5000 + "\r\n")
    send(port, raw, address)
    row = RawMessage.objects.get()
    assert (bytes(row.raw), row.envelope_sender, row.envelope_recipient) == (raw, "kim@friends.example", address)
    assert (row.via, row.peer, row.helo) == ("smtp", "127.0.0.1", "client.example")
    assert row.processed_at is None


@pytest.mark.parametrize("ending", SMUGGLING)
def test_no_second_message_is_smuggled_when_line_ends_are_broken(port: int, address: str, ending: bytes) -> None:
    smuggled = (
        f"MAIL FROM:<evil@x.example>\r\nRCPT TO:<{address}>\r\nDATA\r\nSubject: smuggled\r\n\r\nx\r\n.\r\n".encode()
    )
    with Dialogue(port) as client:
        client.begin(address)
        client.send(b"Subject: first\r\n\r\nhello" + ending + smuggled + b"QUIT\r\n")
        assert client.answer().startswith("521")
        assert client.answer() == ""
    assert not RawMessage.objects.exists()


@pytest.mark.parametrize("bad", [b"bare\rreturn", b"bare\nfeed", b"nul\x00"])
def test_bare_line_ends_and_nul_are_refused(port: int, address: str, bad: bytes) -> None:
    with Dialogue(port) as client:
        client.begin(address)
        client.send(b"Subject: x\r\n\r\n" + bad + b"\r\n.\r\n")
        assert client.answer().startswith("521")
    assert not RawMessage.objects.exists()


def test_a_tag_reaches_the_mailbox_without_it(port: int, address: str) -> None:
    local, _, domain = address.partition("@")
    send(port, letter(), f"{local}+orders@{domain}")
    row = RawMessage.objects.get()
    assert row.mailbox is not None
    assert row.mailbox.full_address == address


@pytest.mark.parametrize("local", ["postmaster", "abuse", "Postmaster", "b+" + "a" * 48])
def test_role_addresses_and_return_paths_are_taken(port: int, address: str, local: str) -> None:
    send(port, letter(), f"{local}@{settings.PLATFORM_DOMAIN}", sender="")
    assert RawMessage.objects.get().mailbox is None


def test_postmaster_needs_no_domain(port: int, address: str) -> None:
    with Dialogue(port) as client:
        client.begin("postmaster")


@pytest.mark.parametrize(
    ("recipient", "answer"),
    [
        ("nobody@agents.example", "550 5.1.1"),
        ("someone@elsewhere.example", "550 5.7.1"),
        ("alice%elsewhere.example@agents.example", "550"),
        ("b+short@agents.example", "550"),
        ("@relay.example:alice@agents.example", "553"),
        ("a b@agents.example", "553"),
        ("=?utf-8?q?a=40b?=@agents.example", "550"),
        ("<x>@agents.example", "553"),
    ],
)
def test_unknown_recipients_and_relaying_are_refused_at_rcpt(
    port: int, address: str, recipient: str, answer: str
) -> None:
    with Dialogue(port) as client:
        client.say("EHLO client.example")
        client.say("MAIL FROM:<kim@friends.example>")
        assert client.say(f"RCPT TO:<{recipient}>").startswith(answer)
        assert client.say("DATA").startswith("503")


def test_a_deleted_mailbox_is_refused(port: int) -> None:
    alice = builders.tenant()
    mailbox.delete(alice.mailbox, by="test", now=clock.now())
    with pytest.raises(smtplib.SMTPRecipientsRefused):
        send(port, letter(), alice.mailbox.full_address)


def test_a_paused_mailbox_is_served(port: int) -> None:
    alice = builders.tenant()
    mailbox.change(alice.mailbox, status="PAUSED", now=clock.now())
    send(port, letter(), alice.mailbox.full_address)
    assert RawMessage.objects.count() == 1


def test_every_recipient_of_a_mail_gets_it(port: int) -> None:
    addresses = [builders.tenant(name).mailbox.full_address for name in ("alice", "bob")]
    send(port, letter(), *addresses)
    assert sorted(RawMessage.objects.values_list("envelope_recipient", flat=True)) == sorted(addresses)


def test_the_hundred_and_first_recipient_is_put_off(port: int, address: str) -> None:
    local, _, domain = address.partition("@")
    with Dialogue(port) as client:
        client.say("EHLO client.example")
        client.say("MAIL FROM:<kim@friends.example>")
        answers = [client.say(f"RCPT TO:<{local}+{n}@{domain}>")[:3] for n in range(102)]
    assert answers == ["250"] * 100 + ["452"] * 2


def test_a_report_has_one_recipient(port: int, address: str) -> None:
    with Dialogue(port) as client:
        client.say("EHLO client.example")
        client.say("MAIL FROM:<>")
        assert client.say(f"RCPT TO:<{address}>").startswith("250")
        assert client.say("RCPT TO:<postmaster>").startswith("452")


def test_whoever_tries_many_unknown_addresses_is_shown_out(port: int, address: str) -> None:
    with Dialogue(port) as client:
        client.say("EHLO client.example")
        client.say("MAIL FROM:<kim@friends.example>")
        for n in range(smtp_server.MAX_UNKNOWN):
            assert client.say(f"RCPT TO:<guess{n}@agents.example>").startswith("550")
        client.say("RCPT TO:<once-more@agents.example>")
        assert client.answer().startswith("421")


@pytest.mark.parametrize(
    ("line", "answer"),
    [
        ("VRFY alice", "502"),
        ("EXPN staff", "502"),
        ("AUTH PLAIN AGFsaWNlAHB3", "502"),
        ("BDAT 10 LAST", "500"),
        ("STARTTLS", "454"),
        ("MAIL FROM:<a@b.example> SIZE=99999999999", "552"),
        ("MAIL FROM:<a@b.example> COLOR=red", "555"),
        ("MAIL FROM:" + "<" * 200, "553"),
        ("NOOP " + "x" * 5000, "500"),
        ("RCPT TO:<alice@agents.example>", "503"),
        ("\u00e9", "500"),
    ],
)
def test_what_is_not_offered_is_refused(port: int, line: str, answer: str) -> None:
    with Dialogue(port) as client:
        features = client.say("EHLO client.example")
        assert client.say(line).startswith(answer)
    assert f"SIZE {settings.MAX_MESSAGE_BYTES}" in features
    assert "AUTH" not in features


def test_a_mail_that_is_too_large_is_refused(port: int, address: str, settings: Settings) -> None:
    settings.MAX_MESSAGE_BYTES = 10_000
    with pytest.raises(smtplib.SMTPSenderRefused):
        send(port, letter(body="x\r\n" * 5000), address)
    with Dialogue(port) as client:
        client.begin(address)
        client.send(b"x\r\n" * 5000 + b".\r\n")
        assert client.answer().startswith("552")
        assert client.say("NOOP").startswith("250")
    assert not RawMessage.objects.exists()


def test_a_peer_with_too_many_sessions_waits(port: int, settings: Settings) -> None:
    settings.SMTP_CONNECTIONS_PER_PEER = 2
    with Dialogue(port), Dialogue(port) as second:
        with Dialogue(port) as third:
            assert third.greeting.startswith("421")
        assert second.say("QUIT").startswith("221")
        second.answer()
        with Dialogue(port) as fourth:
            assert fourth.greeting.startswith("220")


def test_a_silent_client_is_shown_out(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(smtp_server, "COMMAND_SECONDS", 0.3)
    with Dialogue(port) as client:
        assert client.greeting.startswith("220")
        assert client.answer().startswith("421")


def test_a_session_ends_however_busy_it_is(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(smtp_server, "SESSION_SECONDS", 0.5)
    until = time.monotonic() + 60
    with Dialogue(port) as client, suppress(ConnectionError):
        client.say("EHLO client.example")
        while client.say("NOOP").startswith("250"):
            assert time.monotonic() < until
            time.sleep(0.05)


def test_mail_is_put_off_when_the_database_is_down(port: int, address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(connections["default"].settings_dict, "HOST", "/nonexistent")
    with Dialogue(port) as client:
        client.say("EHLO client.example")
        client.say("MAIL FROM:<kim@friends.example>")
        assert client.say(f"RCPT TO:<{address}>").startswith("451")
        monkeypatch.undo()
        assert client.say(f"RCPT TO:<{address}>").startswith("250")


def test_mail_is_put_off_when_the_database_is_lost_after_rcpt(
    port: int, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Dialogue(port) as client:
        client.begin(address)
        monkeypatch.setitem(connections["default"].settings_dict, "HOST", "/nonexistent")
        end_other_connections()
        client.send(letter() + b".\r\n")
        assert client.answer().startswith("451")
        monkeypatch.undo()
    send(port, letter(), address)
    assert RawMessage.objects.count() == 1


def test_a_connection_that_the_database_closed_costs_no_mail(port: int, address: str) -> None:
    send(port, letter(), address)
    end_other_connections()
    send(port, letter(), address)
    assert RawMessage.objects.count() == 2


def test_a_mail_sent_five_times_at_once_is_one_mail(port: int, address: str) -> None:
    raw = letter(to=address)
    threads = [threading.Thread(target=send, args=(port, raw, address)) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert RawMessage.objects.count() == 5
    assert RawMessage.objects.filter(duplicate_of__isnull=True).count() == 1
