"""What people and programs are told while the database can't do its part: 503, why, and when to come back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import InternalError, OperationalError, connection
from django.test import Client

from mailboxes import statements
from mailboxes.api.views.mailboxes import OneMailbox
from mailboxes.models import User
from messaging.models import Message
from oversight.console import shell
from tests import builders
from tests.api_client import Api
from tests.builders import Tenant
from tests.oversight.console import seat

pytestmark = pytest.mark.django_db(transaction=True)
# A server with a full disk says this where a file must grow.
NO_ROOM = "DO $$ BEGIN RAISE EXCEPTION 'could not extend file' USING ERRCODE = 'disk_full'; END $$"


@pytest.fixture
def alice() -> Tenant:
    return builders.tenant()


@contextmanager
def reading_only() -> Iterator[None]:
    """The server takes no writes, as a standby does."""
    run("SET default_transaction_read_only = on")
    try:
        yield
    finally:
        run("SET default_transaction_read_only = off")


@contextmanager
def away() -> Iterator[None]:
    """Nobody listens where the server was."""
    connection.close()
    host = connection.settings_dict["HOST"]
    connection.settings_dict["HOST"] = "/nonexistent"
    try:
        yield
    finally:
        connection.settings_dict["HOST"] = host


def run(query: str, *_: Any, **__: Any) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(query)


def full(*_: Any, **__: Any) -> Any:
    run(NO_ROOM)


def a_send(alice: Tenant) -> tuple[str, dict[str, object]]:
    return f"/mailboxes/{alice.mailbox.pk}/messages", {"to": ["kim@friends.example"], "subject": "Hi", "bodyText": "x"}


def test_a_server_that_only_reads_is_told_as_such_and_nothing_is_kept(alice: Tenant) -> None:
    with reading_only():
        answer = Api(alice.key_text).post(*a_send(alice))
    assert (answer.status, answer.code) == (503, "read_only")
    assert answer.headers["Retry-After"] == "30"
    assert not Message.objects.filter(subject="Hi").exists()
    assert Api(alice.key_text).post(*a_send(alice)).status == 201


def test_what_was_there_can_still_be_read_while_the_server_only_reads(alice: Tenant) -> None:
    api = Api(alice.key_text)
    with reading_only():
        assert api.get(f"/mailboxes/{alice.mailbox.pk}").status == 200


def test_a_full_disk_has_a_code_of_its_own(alice: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(OneMailbox, "get", full)
    answer = Api(alice.key_text).get(f"/mailboxes/{alice.mailbox.pk}")
    assert (answer.status, answer.code) == (503, "disk_full")
    assert answer.headers["Retry-After"] == "30"


def test_a_server_that_is_away_is_told_as_such(alice: Tenant) -> None:
    with away():
        answer = Api(alice.key_text).get(f"/mailboxes/{alice.mailbox.pk}")
    assert (answer.status, answer.code, answer.headers["Retry-After"]) == (503, "unavailable", "5")


def test_the_console_says_that_the_database_is_away(alice: Tenant) -> None:
    browser = seat(alice.owner)
    browser.raise_request_exception = False
    with away():
        answer = browser.get("/review/")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    assert "does not answer right now" in answer.content.decode()
    assert "Traceback" not in answer.content.decode()
    assert browser.get("/review/").status_code == 200


def test_the_console_says_that_the_disk_is_full(alice: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    browser = seat(alice.owner)
    browser.raise_request_exception = False
    monkeypatch.setattr(shell, "render", full)
    answer = browser.get("/review/")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "30")
    assert "disk is full" in answer.content.decode()


def test_the_admin_says_that_the_database_is_away() -> None:
    browser = Client(raise_request_exception=False)
    browser.force_login(
        User.objects.create_superuser("op@people.example", builders.PASSWORD),
        backend="django.contrib.auth.backends.ModelBackend",
    )
    with away():
        assert browser.get("/admin/").status_code == 503
    assert browser.get("/admin/").status_code == 200


def test_nobody_signs_in_while_the_server_only_reads_and_the_page_says_why(alice: Tenant) -> None:
    browser = Client(raise_request_exception=False)
    given = {"username": alice.owner.user.email, "password": builders.PASSWORD}
    with reading_only():
        answer = browser.post("/login/", given)
    assert answer.status_code == 503
    assert "only reads right now" in answer.content.decode()


def test_a_fault_of_our_own_stays_a_500(alice: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    browser = seat(alice.owner)
    browser.raise_request_exception = False
    monkeypatch.setattr(shell, "render", lambda *_, **__: run("DO $$ BEGIN RAISE 'a trigger says no'; END $$"))
    answer = browser.get("/review/")
    assert answer.status_code == 500
    assert "Something broke here" in answer.content.decode()


def test_a_worker_takes_a_server_that_only_reads_for_one_that_is_away() -> None:
    """It keeps the answers that it could not write; a refusal of a row costs that row's answer."""
    with reading_only(), pytest.raises(OperationalError, match="read-only"):
        statements.run("DELETE FROM messaging_attempt", {})
    with pytest.raises(InternalError):
        statements.run("DO $$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = '25001'; END $$", {})
