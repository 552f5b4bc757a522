"""`verify_audit`: whoever owns the database can rewrite a log, but not so that it agrees with its signed heads."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator
from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from django.core.management import CommandError, call_command
from django.db import connection
from pytest_django import Settings

from config.owner import as_owner
from mailboxes import accounts, clock, departure, epoch, erasure, events
from mailboxes.audit import heads
from mailboxes.models import Account, Epoch, Event, EventCounter
from tests.builders import PASSWORD

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def folder(settings: Settings, tmp_path: Path) -> Path:
    settings.AUDIT_HEADS_DIR = tmp_path / "audit"
    return tmp_path / "audit"


@pytest.fixture
def account() -> Account:
    """Alice's, with twenty events or more, of which a head was signed; and somebody else's beside it."""
    mine, _ = signed_up("alice"), signed_up("charlie")
    tell(mine, 20)
    heads.sign_moved(now=clock.now())
    return mine


def signed_up(name: str) -> Account:
    asked = accounts.SignUp(email=f"{name}@people.example", password=PASSWORD, slug=f"{name}-works")
    return accounts.sign_up(asked, now=clock.now()).account


def tell(account: Account, times: int) -> None:
    for number in range(times):
        events.record(account, "test.happened", subject="x", data={"number": number, "é": "ü\n"}, now=clock.now())


def verify(*arguments: str) -> str:
    """What the command says, with whatever it complains of behind it."""
    out = StringIO()
    try:
        call_command("verify_audit", *arguments, stdout=out, stderr=StringIO(), no_color=True)
    except CommandError as error:
        return f"{out.getvalue()}{error}"
    return out.getvalue()


def tamper(statement: str, *values: Any) -> None:
    with as_owner(), connection.cursor() as cursor:
        cursor.execute("ALTER TABLE mailboxes_event DISABLE TRIGGER USER")
        cursor.execute(statement, values)
        cursor.execute("ALTER TABLE mailboxes_event ENABLE TRIGGER USER")


def last_seq(account: Account) -> int:
    return EventCounter.objects.get(pk=account.pk).last_seq


def cut(account: Account, *, after: int) -> None:
    """Remove the end of the log, and set the counter so that the log agrees with itself."""
    tamper("DELETE FROM mailboxes_event WHERE account_id = %s AND seq > %s", account.pk, after)
    kept = Event.objects.get(account=account, seq=after)
    EventCounter.objects.filter(pk=account.pk).update(last_seq=kept.seq, last_hash=kept.hash)


def chain_anew(account: Account) -> None:
    """Make all hashes agree with the rows again."""
    before = ""
    for event in Event.objects.filter(account=account).order_by("seq"):
        told = events.moment_text(event.created_at)
        parts = (before, event.seq, event.kind, event.subject, event.mailbox_id or "", told, event.data)
        before = hashlib.sha256("\n".join(map(str, parts)).encode()).hexdigest()
        tamper("UPDATE mailboxes_event SET hash = %s WHERE id = %s", before, event.pk)
    EventCounter.objects.filter(pk=account.pk).update(last_hash=before)


def test_a_log_that_nobody_touched_is_whole(account: Account) -> None:
    told = verify()
    assert told.startswith("Whole. ")
    assert f"{Event.objects.count():,} events of {Account.objects.count():,} accounts read; heads last signed" in told
    assert verify("--account", account.slug).startswith("Whole. ")
    assert verify("--account", str(account.pk)).startswith("Whole. ")
    tell(account, 3)
    assert verify().startswith("Whole. ")


def test_an_unknown_account_is_told(account: Account) -> None:
    assert verify("--account", "nobody") == "There is no account nobody."


def test_a_changed_event_is_named(account: Account) -> None:
    """A63."""
    tamper("UPDATE mailboxes_event SET data = '{}' WHERE account_id = %s AND seq = 7", account.pk)
    told = verify()
    assert f"alice-works {account.pk}: event 7 does not follow from event 6: one of the two was changed" in told
    assert "(first bad: 7)" in told
    assert verify("--account", "charlie-works").startswith("Whole. ")


def test_the_first_event_is_no_exception(account: Account) -> None:
    tamper("UPDATE mailboxes_event SET kind = 'forged' WHERE account_id = %s AND seq = 1", account.pk)
    assert "event 1 is not what was written: it was changed (first bad: 1)" in verify()


@pytest.mark.parametrize(("gone", "told"), [((5,), "event 5 is"), ((1, 2, 3), "events 1 to 3 are")])
def test_missing_events_are_named(account: Account, gone: tuple[int, ...], told: str) -> None:
    tamper("DELETE FROM mailboxes_event WHERE account_id = %s AND seq = ANY(%s)", account.pk, list(gone))
    assert f"{told} missing (first bad: {gone[0]})" in verify()


def test_an_end_that_was_cut_is_found_by_the_counter(account: Account) -> None:
    last = last_seq(account)
    tamper("DELETE FROM mailboxes_event WHERE account_id = %s AND seq > %s", account.pk, last - 2)
    assert f"the log ends at {last - 2}, and {last} events were counted (first bad: {last - 1})" in verify()


def test_an_end_that_was_cut_with_the_counter_is_found_by_the_signed_head(account: Account) -> None:
    """A63."""
    last = last_seq(account)
    cut(account, after=last - 1)
    told = verify()
    assert f"the log ends at {last - 1}, and a head was signed at {last}: its end was cut (first bad: {last})" in told


def test_a_cut_end_stays_found_when_the_log_grows_over_it(account: Account) -> None:
    last = last_seq(account)
    cut(account, after=last - 1)
    heads.sign_moved(now=clock.now())  # a head that went back is no news
    tell(account, 5)
    heads.sign_moved(now=clock.now())
    assert f"event {last} or one before it was rewritten since a head was signed at {last}" in verify()


def test_a_log_that_was_rewritten_as_a_whole_is_found_by_the_signed_head(account: Account) -> None:
    """A63."""
    tamper("UPDATE mailboxes_event SET data = '{}' WHERE account_id = %s AND seq = 7", account.pk)
    chain_anew(account)
    last = last_seq(account)
    told = verify()
    assert f"event {last} or one before it was rewritten since a head was signed at {last}" in told


def test_an_account_that_vanished_is_found_and_one_that_was_deleted_is_not(
    account: Account, settings: Settings
) -> None:
    settings.DELETION_DELAY_DAYS = 0
    mine = account.pk
    departure.depart(account, by="operator:test", now=clock.now())
    assert "Not looked at: 1 accounts that are being deleted." in verify()
    while Account.objects.filter(pk=mine).exists():
        erasure.erase_due(now=clock.now() + timedelta(days=400))
    assert verify().startswith("Whole. ")
    gone = Account.objects.get(slug="charlie-works")
    pk = gone.pk
    tamper("DELETE FROM mailboxes_event WHERE account_id = %s", pk)
    gone.keys.all().delete()
    gone.mailboxes.all().delete()
    gone.delete()
    assert f"(gone) {pk}: its whole log is gone, and the account was not deleted here (first bad: 1)" in verify()


def test_a_restored_database_is_found_until_the_operator_confirms_it(account: Account) -> None:
    """A63."""
    assert epoch.may_send(now=clock.now())
    last = last_seq(account)
    cut(account, after=last - 3)
    assert "its end was cut" in verify()
    Epoch.objects.update(halted_at=clock.now(), halt_reason="restored")
    assert epoch.confirm(by="operator:test", now=clock.now())
    assert verify().startswith("Whole. ")
    tell(account, 4)
    heads.sign_moved(now=clock.now())
    assert verify().startswith("Whole. ")
    cut(account, after=last - 4)
    assert "its end was cut" in verify()


def lines(folder: Path) -> Iterator[tuple[Path, list[str]]]:
    for path in sorted(folder.glob("heads-*.jsonl")):
        yield path, path.read_text().splitlines()


def test_a_line_of_the_file_that_was_changed_removed_or_signed_by_another_is_named(
    account: Account, folder: Path, settings: Settings
) -> None:
    tell(account, 1)
    assert heads.sign_moved(now=clock.now()) == 1
    tell(account, 1)
    heads.sign_moved(now=clock.now())
    ((path, whole),) = lines(folder)
    assert len(whole) == 3
    path.write_text("\n".join([whole[0], whole[2]]) + "\n")
    assert f"{path.name}:2: the line before it is missing or was changed" in verify()
    path.write_text(
        "\n".join([whole[0], whole[1].replace(str(account.pk), str(Account(slug="x").pk)), whole[2]]) + "\n"
    )
    assert f"{path.name}:2: its signature is not by this server's SECRET_KEY" in verify()
    path.write_text("\n".join([*whole, "{}", "nonsense"]) + "\n")
    assert f"{path.name}:4: it is not a line of ours" in verify()
    path.write_text("\n".join(whole) + "\n")
    assert verify().startswith("Whole. ")
    settings.SECRET_KEY = "another-secret-key-of-fifty-characters-and-some-more-of-them"
    assert verify().count("its signature is not by this server's SECRET_KEY") == 3


def test_a_head_is_written_once_and_nothing_where_nothing_moved(account: Account, folder: Path) -> None:
    assert heads.sign_moved(now=clock.now()) == 0
    ((_, whole),) = lines(folder)
    said = json.loads(whole[0])
    assert said["heads"][str(account.pk)][0] == last_seq(account)
    assert "data" not in whole[0]
    tell(account, 1)
    assert heads.sign_moved(now=clock.now()) == 1


def test_a_month_begins_with_all_heads_and_continues_the_chain(account: Account, folder: Path) -> None:
    signed = heads.sign_moved(now=clock.now() + timedelta(days=32))
    assert signed == EventCounter.objects.filter(last_seq__gt=0).count()
    assert len(list(lines(folder))) == 2
    assert verify().startswith("Whole. ")
    first, _ = (path for path, _ in lines(folder))
    first.unlink()
    assert ":1: the line before it is missing or was changed" in verify()


def test_whoever_has_the_public_key_checks_a_line_without_the_database(account: Account, folder: Path) -> None:
    key = Ed25519PublicKey.from_public_bytes(base64.b64decode(verify("--public-key").strip()))
    ((_, whole),) = lines(folder)
    said = json.loads(whole[0])
    signature = base64.b64decode(said.pop("signature"))
    key.verify(signature, json.dumps(said, sort_keys=True, separators=(",", ":")).encode())
