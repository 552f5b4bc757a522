"""What accepting a send costs at the database: a fixed number of statements, however many recipients it has."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from mailboxes import known_keys, statements
from mailboxes.modes import OversightMode
from tests import builders
from tests.api_client import Api
from tests.builders import Tenant

pytestmark = pytest.mark.django_db(transaction=True)

# BEGIN and COMMIT included: the clock; the sender; the message with verdict and counters; the move with its event; and
# besides, for a held one, the review with its event.
QUEUED, HELD = 6, 8
# The key's lock, the answer that is there already, the answer that is kept, and a savepoint (two).
IDEMPOTENT = 5


@pytest.fixture(autouse=True)
def _known_keys(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.KEY_CACHE_SECONDS = 3600
    monkeypatch.setattr(known_keys.listener, "ensure_running", lambda: None)
    known_keys.known.forget()


@pytest.fixture
def count(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], object]], int]:
    """How many statements an act sends, by Django's cursor or prepared ones."""
    prepared: list[str] = []
    run = statements.run

    def noted(statement: str, parameters: Mapping[str, object]) -> list[tuple[Any, ...]]:
        prepared.append(statement)
        return run(statement, parameters)

    monkeypatch.setattr(statements, "run", noted)

    def counted(act: Callable[[], object]) -> int:
        prepared.clear()
        with CaptureQueriesContext(connection) as queries:
            act()
        return len(queries) + len(prepared)

    return counted


def sending(owner: Tenant, recipients: int, **headers: str) -> Callable[[], None]:
    api = Api(owner.key_text)
    addresses = [f"kim{number}@friends.example" for number in range(recipients)]
    body = {"to": addresses, "subject": "Hello", "bodyText": "Good day.\n"}

    def send() -> None:
        assert api.post(f"/mailboxes/{owner.mailbox.pk}/messages", body, **headers).status == 201

    return send


@pytest.mark.parametrize(("mode", "at_most"), [(OversightMode.AUTONOMOUS, QUEUED), (OversightMode.GATED_SEND, HELD)])
def test_a_send_takes_as_many_statements_for_ten_recipients_as_for_one(
    mode: OversightMode, at_most: int, count: Callable[[Callable[[], object]], int]
) -> None:
    alice = builders.tenant(mode=mode)
    sending(alice, 1)()
    assert count(sending(alice, 1)) <= at_most
    assert count(sending(alice, 10)) <= at_most
    assert count(sending(alice, 10, Idempotency_Key="one")) <= at_most + IDEMPOTENT


def test_rules_cost_no_statement_until_one_asks_for_what_only_the_database_knows(
    count: Callable[[Callable[[], object]], int],
) -> None:
    alice = builders.tenant(mode=OversightMode.AUTONOMOUS)
    rival = {"kind": "recipient_list", "addresses": ["*@rival.example"]}
    of_text = {"kind": "words", "list": "promises"}
    builders.rules(alice, builders.rule("rivals", "refuse", rival), builders.rule("promises", "hold", of_text))
    builders.rules(alice, builders.rule("own", "refuse", rival), mailbox=alice.mailbox)
    sending(alice, 1)()
    assert count(sending(alice, 10)) <= QUEUED
    builders.rules(alice, builders.rule("first", "refuse", {"kind": "first_contact"}, rival))
    assert count(sending(alice, 10)) <= QUEUED + 1


def test_an_answer_from_memory_is_what_a_read_shows() -> None:
    alice = builders.tenant()
    api = Api(alice.key_text)
    path = f"/mailboxes/{alice.mailbox.pk}/messages"
    body = {
        "to": ["zoe@friends.example", "kim@friends.example"],
        "cc": ["lee@friends.example"],
        "bcc": ["mo@friends.example"],
        "subject": "Hello",
        "bodyText": "Good day.\n",
        "metadata": {"order": "12"},
        "headers": {"X-Order": "12", "Sender": "x@friends.example"},
    }
    for mode in (None, "gated_all"):
        told = api.post(path, body | ({"oversightMode": mode} if mode else {})).json["message"]
        assert told.pop("droppedHeaders") == ["Sender"]
        read = api.get(f"{path}/{told['id']}").json["message"]
        assert read.pop("attachments") == []
        assert told == read
