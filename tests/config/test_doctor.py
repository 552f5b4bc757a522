"""manage.py doctor: a line for each thing this installation needs, and a sentence on what is wrong."""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from io import StringIO
from pathlib import Path

import pytest
import time_machine
from celery import current_app
from django.core.cache import cache
from django.core.management import CommandError, call_command
from django.db import connection
from pytest_django import Settings

from config import doctor
from config.health import oldest_due
from config.heartbeat import heartbeat
from config.owner import as_owner
from mailboxes import accounts, clock, departure, dkim_keys, dns_records, mailbox, stops
from mailboxes.audit import heads
from mailboxes.models import Domain, Erasure, StopScope
from mailboxes.modes import OversightMode
from messaging import domain_checks
from messaging.inbound import intake
from messaging.inbound.intake import Via
from messaging.mime.types import Envelope
from messaging.outbound import dispatch, outbox, outcomes
from messaging.outbound.outcomes import Outcome, OutcomeKind
from messaging.webhooks import heartbeat as of_webhooks
from oversight import decisions, reviews
from tests import builders
from tests.fakes.dns import name_server
from tests.flips import SCOPES, Flip

pytestmark = pytest.mark.django_db(transaction=True)


def findings() -> dict[str, doctor.Finding]:
    return {finding.name: finding for finding in doctor.examine()}


def complaint(name: str) -> str:
    finding = findings()[name]
    assert not finding.is_well, finding
    return finding.text


@contextmanager
def greeter(words: bytes) -> Iterator[int]:
    """A server that says one line to everybody who comes; its port."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.1)
        is_over = threading.Event()

        def serve() -> None:
            while not is_over.is_set():
                try:
                    client, _ = server.accept()
                except TimeoutError:
                    continue
                with client:
                    client.sendall(words)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield server.getsockname()[1]
        finally:
            is_over.set()
            thread.join()


@contextmanager
def nobody() -> Iterator[int]:
    """A port that is taken, and at which nobody listens."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield bound.getsockname()[1]


@contextmanager
def web(status: int) -> Iterator[int]:
    """A web process that answers everything so; its port."""

    class Answers(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Answers) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def healthy(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """All that runs beside the tests' database in a real installation; it may take its time."""
    monkeypatch.setattr("config.doctor.mail.ANSWERS_WITHIN", 60)
    monkeypatch.setattr("config.doctor.services.ANSWERS_WITHIN", 60)
    monkeypatch.setattr("config.heartbeat.GONE_AFTER", 3600)
    monkeypatch.setattr(of_webhooks, "GONE_AFTER", 3600)
    monkeypatch.setattr(domain_checks, "BUDGET_SECONDS", 60)
    accounts.platform()
    heartbeat()
    of_webhooks.give_sign()
    with greeter(b"220 mail.agents.example\r\n") as port, web(200) as web_port:
        settings.SMTP_PORT, settings.PORT = port, web_port
        settings.RELAY_URL = f"smtp://127.0.0.1:{port}"
        yield
    cache.clear()


def test_all_is_well_but_the_durability_of_the_tests_own_database(healthy: None) -> None:
    output = StringIO()
    with pytest.raises(CommandError, match=r"^Not well: durability$"):
        call_command("doctor", stdout=output)
    lines = output.getvalue().splitlines()
    assert len(lines) == len(doctor.CHECKS)
    assert [line for line in lines if line.startswith("FAIL")] == [
        "FAIL durability: fsync and full_page_writes and synchronous_commit off: a crash may lose accepted mail. "
        "Switch them on in postgresql.conf."
    ]


def test_the_owner_of_the_tables_is_named_as_no_role_to_run_with(healthy: None) -> None:
    with as_owner():
        assert "owns the tables" in complaint("database")
        assert "was not refused" in complaint("guards")


def test_a_missing_migration_is_named(healthy: None) -> None:
    with as_owner(), connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM django_migrations WHERE app = 'oversight' AND name IN"
            " (SELECT max(name) FROM django_migrations WHERE app = 'oversight') RETURNING name, applied"
        )
        [(name, applied)] = cursor.fetchall()
    try:
        assert f"oversight.{name}" in complaint("migrations")
    finally:
        with as_owner(), connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO django_migrations (app, name, applied) VALUES ('oversight', %s, %s)", [name, applied]
            )


def test_a_guard_that_is_switched_off_is_named(healthy: None) -> None:
    with as_owner(), connection.cursor() as cursor:
        cursor.execute("ALTER TABLE messaging_attempt DISABLE TRIGGER attempt_needs_decision")
    try:
        assert "attempt_needs_decision" in complaint("guards")
    finally:
        with as_owner(), connection.cursor() as cursor:
            cursor.execute("ALTER TABLE messaging_attempt ENABLE TRIGGER attempt_needs_decision")


def test_a_rewritten_event_is_named(healthy: None) -> None:
    builders.tenant()
    with as_owner(), connection.cursor() as cursor:
        cursor.execute("UPDATE mailboxes_event SET data = '{}' WHERE seq = 2")
    assert "tampered" in complaint("event chains")


def test_heads_that_are_not_signed_while_the_log_grows_are_named(
    healthy: None, settings: Settings, tmp_path: Path
) -> None:
    settings.AUDIT_HEADS_DIR, settings.AUDIT_HEADS_MINUTES = tmp_path / "audit", 0
    builders.tenant()
    assert complaint("signed heads").startswith("Not since ")
    heads.sign_moved(now=clock.now())
    assert findings()["signed heads"].is_well


def test_a_wrong_clock_is_named(healthy: None) -> None:
    with time_machine.travel(clock.now() + timedelta(hours=3)):
        assert re.search(r"\+10[78]\d\d\.\d s from the database", complaint("clock"))


def test_a_worker_that_gives_no_sign_of_life_is_named(healthy: None) -> None:
    cache.clear()
    assert "worker and beat" in complaint("worker")


def test_a_broker_that_is_away_is_named(healthy: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(current_app.conf, "broker_url", "redis://127.0.0.1:9/0")
    assert "refused" in complaint("broker")


def test_mail_that_nobody_takes_is_named_unless_its_own_people_stopped_it(healthy: None) -> None:
    alice = builders.tenant(mode=OversightMode.AUTONOMOUS)
    builders.submit(alice, now=clock.now() - timedelta(minutes=10))
    assert "nobody takes it" in complaint("outbox")
    stops.stop(alice.owner, reason="Wrong prices.", now=clock.now())
    due = oldest_due()
    assert due is None or clock.now() - due < timedelta(minutes=5), "the platform's own mail only"
    assert findings()["outbox"].is_well


@pytest.mark.parametrize("scope", SCOPES)
def test_mail_that_is_stopped_in_any_scope_is_not_overdue(healthy: None, scope: StopScope) -> None:
    alice = builders.tenant(mode=OversightMode.AUTONOMOUS)
    dispatch.drain()
    builders.submit(alice, now=clock.now() - timedelta(minutes=10))
    due = oldest_due()
    assert due is not None
    Flip(alice, scope).stop()
    later = oldest_due()
    assert later is None or later > due, "the platform's own mail only"


def test_received_mail_that_nobody_reads_is_named(healthy: None) -> None:
    alice = builders.tenant()
    envelope = Envelope(sender="kim@friends.example", recipients=(alice.mailbox.full_address,))
    intake.receive(
        b"Subject: Hi\r\n\r\nHi\r\n", envelope=envelope, via=Via("smtp"), now=clock.now() - timedelta(hours=1)
    )
    assert "waiting for 36" in complaint("intake")


def test_a_platform_domain_without_a_key_or_with_another_name_is_named(healthy: None, settings: Settings) -> None:
    Domain.objects.get().dkim_keys.all().delete()
    assert "unsigned" in complaint("DKIM key")
    settings.PLATFORM_DOMAIN = "other.example"
    assert "PLATFORM_DOMAIN says other.example" in complaint("DKIM key")


def test_a_key_sealed_with_another_secret_is_named(healthy: None, settings: Settings) -> None:
    settings.SECRET_KEY = "another-one-" + "y" * 40
    dkim_keys.open_key.cache_clear()
    assert "restore that SECRET_KEY" in complaint("DKIM key")
    dkim_keys.open_key.cache_clear()


def test_old_keys_are_told_to_be_renewed(healthy: None) -> None:
    assert findings()["DKIM key"].text == "gp1 and gp1e of agents.example load"
    Domain.objects.get().dkim_keys.update(activated_at=clock.now() - timedelta(days=400))
    assert "400 days old: manage.py rotate_dkim agents.example" in findings()["DKIM key"].text


def test_an_installation_without_a_platform_domain_is_told_how_to_make_one() -> None:
    assert "dns_records" in complaint("DKIM key")


def test_a_listener_or_relay_that_is_away_or_no_mail_server_is_named(healthy: None, settings: Settings) -> None:
    with nobody() as port:
        settings.SMTP_PORT, settings.RELAY_URL = port, f"smtp://user:secret@127.0.0.1:{port}"
        assert "does not answer" in complaint("SMTP listener")
        told = complaint("relay")
    assert "does not answer" in told
    assert "secret" not in told
    with greeter(b"554 go away\r\n") as port:
        settings.SMTP_PORT, settings.RELAY_URL = port, f"smtp://127.0.0.1:{port}"
        assert "554 go away" in complaint("SMTP listener")
        assert "554 go away" in complaint("relay")


def test_without_a_relay_it_says_that_nothing_leaves(healthy: None, settings: Settings) -> None:
    settings.RELAY_URL = ""
    assert "sandbox" in findings()["relay"].text


def test_a_full_disk_is_named(healthy: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("config.doctor.services.LEAST_FREE_BYTES", 2**63)
    assert "make room" in complaint("disk")


def test_a_web_process_that_is_away_or_unwell_is_named(healthy: None, settings: Settings) -> None:
    with nobody() as settings.PORT:
        assert "does not answer" in complaint("web")
    with web(500) as settings.PORT:
        assert "answers 500" in complaint("web")


def test_records_that_are_missing_in_the_dns_are_named_and_found_when_they_stand_there(
    healthy: None, settings: Settings
) -> None:
    domain = Domain.objects.get()
    zone = {(one.host, one.type): [one.value] for one in dns_records.of(domain).all() if one.type == "TXT"}
    zone[domain.name, "TXT"] = ["v=spf1 include:relay.example -all"]  # the operator's own policy
    with name_server({}) as server:
        settings.DNS_RESOLVERS = [server]
        told = complaint("DNS")
        assert f"no such MX record at {domain.name}" in told
        assert f"no such TXT record at _dmarc.{domain.name}" in told
    with name_server(zone) as server:
        settings.DNS_RESOLVERS = [server]
        assert complaint("DNS").startswith(f"There is no such MX record at {domain.name} yet. ")
    zone[domain.name, "MX"] = ["10 mail.agents.example"]
    with name_server(zone) as server:
        settings.DNS_RESOLVERS = [server]
        assert findings()["DNS"].text == "the 5 records of 1 domains stand there"
    selector = f"gp1._domainkey.{domain.name}"
    with name_server(zone | {(selector, "TXT"): ["v=DKIM1; k=rsa; p=c29tZWJvZHkgZWxzZQ=="]}) as server:
        settings.DNS_RESOLVERS = [server]
        assert f"Another key stands at {selector}" in complaint("DNS")
    settings.DNS_RESOLVERS, settings.RELAY_URL = ["off"], ""
    assert "nothing leaves this server" in findings()["DNS"].text


def test_a_relay_that_refuses_most_mail_is_named_with_its_answer(healthy: None) -> None:
    alice = builders.tenant(mode=OversightMode.AUTONOMOUS)
    for number in range(6):
        builders.submit(alice, to=(f"kim{number}@friends.example",))
    claimed = outbox.claim_due(limit=100, now=clock.now())
    taken, refused = Outcome(OutcomeKind.SENT, "250", "Ok."), Outcome(OutcomeKind.FAILED, "554", "Go away.")
    outcomes.record(claimed[0], taken, now=clock.now())
    assert findings()["relay's answers"].text.startswith("1 of 1 attempts of the last hour were taken")
    for attempt in claimed[1:]:
        outcomes.record(attempt, refused, now=clock.now())
    assert f"1 of {len(claimed)} attempts of the last hour were taken; most others ended with 554" in complaint(
        "relay's answers"
    )


def test_what_the_sweeps_left_behind_is_named(healthy: None) -> None:
    alice = builders.tenant()
    long_ago = clock.now() - timedelta(days=30)
    builders.submit(alice, now=long_ago)
    assert "A review whose time is over" in complaint("sweeps")
    reviews.expire_due(now=clock.now())
    assert findings()["sweeps"].is_well
    outbox.claim_due(limit=10, now=clock.now() - timedelta(minutes=1))
    assert findings()["sweeps"].is_well
    mailbox.set_mode(alice.mailbox, OversightMode.AUTONOMOUS, by="test", now=clock.now())
    builders.submit(alice, now=long_ago)
    outbox.claim_due(limit=10, now=long_ago)
    assert "An attempt of a lost worker" in complaint("sweeps")


def test_a_deletion_that_stands_still_is_named(healthy: None) -> None:
    departure.depart(builders.tenant().account, by="test", now=clock.now())
    assert findings()["sweeps"].is_well
    Erasure.objects.update(due_at=clock.now() - timedelta(days=1))
    assert "Something that was deleted" in complaint("sweeps")


def test_what_waits_for_people_is_told_and_is_no_ailment(healthy: None) -> None:
    alice = builders.tenant()
    assert findings()["reviews"].text == "nothing waits for a person"
    review = builders.held(alice)
    assert findings()["reviews"].text.startswith("1 wait since ")
    decisions.approve(review, reviewer=builders.reviewer(alice.owner), version=1, now=clock.now())
    builders.release()
    assert findings()["unknown outcomes"].text == "no outcome is unknown"
    lost = Outcome(OutcomeKind.UNKNOWN, "answer_lost", "Nobody knows.")
    for attempt in outbox.claim_due(limit=10, now=clock.now() + timedelta(minutes=1)):
        outcomes.record(attempt, lost, now=clock.now())
    assert re.match(r"\d copies may or may not have left, the oldest of 20", findings()["unknown outcomes"].text)
    assert findings()["stops"].text == "nobody's sending is stopped"
    stops.stop(alice.owner, reason="Wrong prices.", now=clock.now())
    assert f"sending is stopped for 1: {alice.account.slug} since 20" in findings()["stops"].text
    stops.stop(alice.owner, scope=StopScope.MAILBOX, subject_id=alice.mailbox.pk, now=clock.now())
    assert f"1 mailboxes, agents or keys are stopped: mailbox {alice.mailbox.full_address}" in findings()["stops"].text
    stops.stop_everything(by="operator:test", reason="Odd mail", now=clock.now())
    told = findings()["stops"]
    assert "Odd mail" in told.text
    assert "manage.py go_on" in told.text


def test_a_server_that_archives_nothing_is_told_to_be_copied_away(healthy: None) -> None:
    assert "make sure that somebody copies it away" in findings()["backups"].text
