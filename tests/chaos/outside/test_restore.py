"""A backup is restored with PostgreSQL's own tools: nothing is sent until a person has confirmed (I44)."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from config.embedded.places import find_places
from config.embedded.postgres import SUPERUSER, EmbeddedPostgres
from tests.chaos.outside.conftest import Note
from tests.chaos.outside.load import send
from tests.chaos.outside.relay import open_relay
from tests.chaos.outside.stack import Stack
from tests.config.conftest import data_dir as data_dir

pytestmark = pytest.mark.chaos
SENT_AFTER_THE_BACKUP = 50


@pytest.fixture
def doomed(data_dir: Path) -> Iterator[Stack]:
    """A stack of its own: what it sends twice on purpose must not be counted against the others."""
    with open_relay() as relay:
        stack = Stack(data_dir, relay)
        try:
            yield stack.wait()
        finally:
            stack.stop()


def test_a_backup_is_restored(doomed: Stack, note: Note) -> None:
    stack = doomed
    server = EmbeddedPostgres(find_places(stack.data_dir))
    stack.relay.close()
    waiting = [send(stack.target).message_id for _ in range(5)]
    time.sleep(3)  # they are deferred: the relay is away
    backup = dump(server)
    stack.relay.open()
    stack.rows("UPDATE messaging_recipient SET next_at = clock_timestamp() WHERE state = 'deferred'")
    sent = waiting + [send(stack.target).message_id for _ in range(SENT_AFTER_THE_BACKUP)]
    stack.until_settled(sent, within=60)
    before = stack.relay.copies()

    restore(server, backup)
    stack.start_again()
    stack.instance.wait_until_ready()
    stack.aim()
    stack.rows("UPDATE messaging_recipient SET next_at = clock_timestamp() WHERE state = 'deferred'")
    time.sleep(15)
    sent_meanwhile = sum((stack.relay.copies() - before).values())
    health = stack.instance.health()["checks"]
    told = json.loads(stack.manage("confirm_restore", "--json"))
    assert sent_meanwhile == 0
    assert "restored from a backup" in health["sending"]["reason"]  # type: ignore[index]
    assert "Nothing will be sent" in stack.instance.text()
    assert told["halted"]
    ids = dict(stack.rows("SELECT id::text, message_id FROM messaging_message"))
    assert {one["message_id"] for one in told["messages"]} == {ids[pk] for pk in waiting}

    stack.manage("confirm_restore", "--confirm")
    stack.until_settled(waiting, within=60)
    again = stack.relay.copies() - before
    note(
        sent_after_the_backup=len(sent),
        sent_before_the_confirmation=sent_meanwhile,
        named_by_the_command=len(told["messages"]),
        sent_again_once_confirmed=sum(again.values()),
    )
    assert set(again) == {ids[pk] for pk in waiting}
    stack.manage("check_invariants")
    stack.until_well(60)


def dump(server: EmbeddedPostgres) -> bytes:
    arguments = ["-Fc", "--dbname", server.url(SUPERUSER)]
    return subprocess.run([server.bin / "pg_dump", *arguments], check=True, capture_output=True).stdout


def restore(server: EmbeddedPostgres, backup: bytes) -> None:
    """Into the place of the living database, under its running workers."""
    where = ["-U", SUPERUSER, "-h", str(server.places.sockets)]
    subprocess.run([server.bin / "dropdb", *where, "--force", "gatepost"], check=True)
    create = ["--create", "--exit-on-error", "--dbname", server.url(SUPERUSER, "postgres")]
    subprocess.run([server.bin / "pg_restore", *create], input=backup, check=True, capture_output=True)
