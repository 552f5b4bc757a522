"""An account as one archive: all of it, nothing else's, no secrets, in little memory, and never half by mistake."""

from __future__ import annotations

import asyncio
import gzip
import io
import json
import random
import re
import tarfile
import textwrap
import tracemalloc
from collections.abc import Iterator
from typing import Any

import pytest
import zeal
from asgiref.testing import ApplicationCommunicator
from django.apps import apps
from django.db import connection
from django.db.models import BinaryField, ForeignKey, Model
from pytest_django import Settings

from billing.models import AccountPlan
from config.threaded import ThreadedHandler
from mailboxes import clock, departure, export, keys, mailbox
from mailboxes.archive import Archive
from mailboxes.models import (
    Account,
    ApiKey,
    AuditCheck,
    DkimKey,
    Erasure,
    Event,
    EventCounter,
    User,
)
from mailboxes.modes import OversightMode
from messaging.models import (
    Attempt,
    Captured,
    DeadLetter,
    Message,
    RawMessage,
    Recipient,
    Revision,
    StoredFile,
    WebhookAttempt,
)
from oversight.models import (
    BackTest,
    BatchItem,
    Copy,
    Decision,
    DueNotice,
    Edit,
    Evaluation,
    RevokedKey,
    RuleSet,
    RuleSetVersion,
    Suggestion,
    Viewing,
)
from tests import builders
from tests.api_client import Api
from tests.arrivals import arrive
from tests.builders import Tenant
from tests.leaving import furnished
from tests.letters import letter

pytestmark = pytest.mark.django_db

PATIENCE = 60
SECRET = re.compile(r"secret|token|digest|password|private|session|(^|_)key_?hash")
# What an object of the archive holds beside its own columns.
INSIDE: dict[type[Model], str] = {
    Attempt: "messages",
    BatchItem: "reviews",
    DeadLetter: "messages",
    Decision: "reviews",
    Edit: "reviews",
    DkimKey: "domains",
    Evaluation: "messages",
    RawMessage: "mail/",
    Recipient: "messages",
    Revision: "mail/",
    User: "members",
    Viewing: "reviews",
    WebhookAttempt: "webhook_deliveries",
}
LEFT_OUT: dict[type[Model], str] = {
    AccountPlan: "another face of the account",
    ApiKey.mailboxes.through: "which mailboxes a scoped key reaches; the keys themselves are no use elsewhere",
    AuditCheck: "when people last had the log looked at; the log itself is told",
    Captured: "copies of what was sent, by the sandbox",
    Erasure: "empty while there is an account",
    Copy: "which mail the humans were sent a copy of: the agents' keys fetch the archive",
    DueNotice: "a few seconds' note of a mail that is still to be written",
    EventCounter: "the last of the events",
    RevokedKey: "a minute's note of what is still to be looked after",
    RuleSet: "what agents are judged by is for members; GET /v1/policy/rule-sets tells it to their keys",
    RuleSetVersion: "as above",
    BackTest: "what rules that were proposed would have made of mail: for members, as the rules are",
    Suggestion: "what people are told about an agent is not for its key; GET /v1/mailboxes/{id}/trust tells members",
    StoredFile: "how the contents of files are kept; they are told by their attachments",
}


@pytest.fixture(autouse=True)
def _without_limits(settings: Settings) -> Iterator[None]:
    settings.DEFAULT_LIMITS = dict.fromkeys(settings.DEFAULT_LIMITS, 0)
    with zeal.zeal_ignore():
        yield


def archive_of(owner: Tenant) -> dict[str, bytes]:
    response = Api(owner.key_text).client.get(
        "/v1/account/export", headers={"Authorization": f"Bearer {owner.key_text}"}
    )
    assert (response.status_code, response.headers["Content-Type"]) == (200, "application/gzip")
    return opened(b"".join(response.streaming_content))  # type: ignore[attr-defined]  # no types there


def opened(content: bytes) -> dict[str, bytes]:
    with tarfile.open(fileobj=io.BytesIO(gzip.decompress(content))) as archive:
        found: dict[str, bytes] = {}
        for info in archive:
            member = archive.extractfile(info)
            assert member is not None
            found[info.name] = member.read()
    return found


def rows(archive: dict[str, bytes], table: str) -> list[dict[str, Any]]:
    parts = [content for name, content in archive.items() if name.startswith(f"{table}/")]
    return [json.loads(line) for part in parts for line in part.splitlines()]


def test_the_archive_holds_everything_and_ends_by_its_counts() -> None:
    alice = furnished("alice", word="bassoon")
    archive = archive_of(alice)
    assert next(reversed(archive)) == "manifest.json"
    manifest = json.loads(archive["manifest.json"])
    assert (manifest["format"], manifest["slug"]) == (1, alice.account.slug)
    for table, count in manifest["tables"].items():
        assert len(rows(archive, table)) == count["rows"], table
    assert [name for name, count in manifest["tables"].items() if not count["rows"]] == []
    messages = {row["id"]: row for row in rows(archive, "messages")}
    assert len(messages) == Message.objects.filter(account=alice.account).count()
    assert len([name for name in archive if name.startswith("mail/")]) == manifest["tables"]["messages"]["files"]
    for revision in Revision.objects.filter(message__account=alice.account):
        assert archive[f"mail/{revision.message_id}.v{revision.version}.eml"] == bytes(revision.raw)
        assert messages[str(revision.message_id)]["recipients"]
        assert messages[str(revision.message_id)]["evaluations"]
    for raw in RawMessage.objects.filter(message__account=alice.account):
        assert archive[f"mail/{raw.message_id}.eml"] == bytes(raw.raw)
    [unsent] = rows(archive, "attachments")
    assert archive[f"files/{unsent['id']}"] == b"bassoon"
    assert {row["email"] for row in rows(archive, "members")} >= {alice.owner.user.email}
    assert any(row["decisions"] for row in rows(archive, "reviews"))
    kinds = [row["kind"] for row in rows(archive, "events")]
    assert len(kinds) == Event.objects.filter(account=alice.account).count()
    assert "account.exported" in kinds


def test_the_archive_holds_no_secret() -> None:
    alice = furnished("alice", word="bassoon")
    builders.decide_key(alice.owner)
    told = b"\n".join(archive_of(alice).values()).decode()
    secrets = [alice.key_text, *ApiKey.objects.values_list("digest", flat=True)]
    secrets += User.objects.values_list("password", flat=True)
    secrets += [bytes(key.private_key).decode() for key in DkimKey.objects.all()]
    assert [secret for secret in secrets if secret in told] == []


def test_the_archive_holds_nothing_of_anybody_else() -> None:
    """A53, A57."""
    bob = furnished("bob", word="xylophone")
    alice = furnished("alice", word="bassoon")
    told = b"\n".join(archive_of(alice).values()).decode()
    for stranger in ("xylophone", bob.account.slug, str(bob.account.pk), str(bob.mailbox.pk)):
        assert stranger not in told


def test_the_archive_holds_nothing_that_agents_may_not_see() -> None:
    alice = builders.tenant(mode=OversightMode.MONITORED)
    deleted = mailbox.create(alice.account, mailbox.NewMailbox("gone", alice.mailbox.domain), now=clock.now())
    arrive(deleted, letter(to=deleted.full_address, subject="In a deleted mailbox"))
    mailbox.delete(deleted, by="test", now=clock.now())
    mailbox.set_mode(alice.mailbox, OversightMode.READ_ONLY, by="test", now=clock.now())
    builders.submit(alice, subject="Refused")
    told = b"\n".join(archive_of(alice).values()).decode()
    assert "In a deleted mailbox" not in told
    assert "Refused" not in told


def test_pages_and_groups_lose_no_row_and_tell_none_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    alice = builders.tenant(mode=OversightMode.MONITORED)
    for number in range(7):
        builders.submit(alice, subject=f"Number {number}")
    Message.objects.filter(account=alice.account).update(created_at=clock.now())  # all of one moment
    monkeypatch.setattr(export, "PAGE", 2)
    monkeypatch.setattr(export, "GROUP_BYTES", 1)
    archive = archive_of(alice)
    subjects = sorted(row["subject"] for row in rows(archive, "messages"))
    assert subjects == [f"Number {number}" for number in range(7)]
    assert len(rows(archive, "events")) == Event.objects.filter(account=alice.account).count()


def test_it_is_refused_in_json_before_it_begins() -> None:
    alice = builders.tenant()
    scoped = keys.create_agent_key(alice.agent, mailboxes=[alice.mailbox], now=clock.now())[1]
    assert Api(scoped).get("/account/export").code == "scoped_key"
    assert Api(builders.decide_key(alice.owner)).get("/account/export").status == 403
    assert Api().get("/account/export").code == "missing_key"
    assert Api(alice.key_text).post("/account/export", {}).status == 405
    departure.depart(alice.account, by="test", now=clock.now())
    assert Api(alice.key_text).get("/account/export").status == 401
    assert not Event.objects.filter(kind="account.exported").exists()


def test_a_suspended_account_may_take_its_things() -> None:
    alice = builders.tenant()
    Account.objects.filter(pk=alice.account.pk).update(suspended_at=clock.now(), suspended_reason="Why not.")
    assert "manifest.json" in archive_of(alice)


def test_the_headers_make_it_a_download_that_nobody_keeps() -> None:
    alice = builders.tenant()
    response = Api().client.get("/v1/account/export", headers={"Authorization": f"Bearer {alice.key_text}"})
    disposition = response.headers["Content-Disposition"]
    assert re.fullmatch(r'attachment; filename="gatepost-alice-\d+-\d{8}\.tar\.gz"', disposition)
    assert response.headers["Cache-Control"] == "no-store"
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert response.headers["X-Robotomail-Inbound-Quota"].startswith("0/")


def test_an_archive_that_was_cut_off_is_no_archive() -> None:
    alice = furnished("alice", word="bassoon")
    whole = b"".join(export.begin(alice.agent_actor, now=clock.now()))
    assert "manifest.json" in opened(whole)
    for length in (len(whole) - 1, len(whole) // 2):
        with pytest.raises((EOFError, tarfile.ReadError)):
            opened(whole[:length])


def test_an_account_that_is_deleted_meanwhile_ends_the_archive() -> None:
    alice = furnished("alice", word="bassoon")
    pieces = export.begin(alice.agent_actor, now=clock.now())
    departure.depart(alice.account, by="test", now=clock.now())
    with pytest.raises(export.Interrupted):
        list(pieces)


def test_four_times_the_mail_takes_no_more_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export, "GROUP_BYTES", 128 * 1024)
    monkeypatch.setattr(export, "PIECE_BYTES", 16 * 1024)
    alice = builders.tenant(mode=OversightMode.MONITORED)
    list(export.begin(alice.agent_actor, now=clock.now()))  # what is loaded once
    few = _peak_of(alice, messages=40)
    many = _peak_of(alice, messages=120)
    assert Message.objects.filter(account=alice.account).count() == 160
    assert many < few * 1.5, (few, many)


def _peak_of(owner: Tenant, *, messages: int) -> int:
    for _ in range(messages):
        builders.submit(owner, body_text="All work and no play makes a long letter.\n" * 400)
    tracemalloc.start()
    try:
        for _ in export.begin(owner.agent_actor, now=clock.now()):
            pass
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_the_tar_file_is_read_by_others_whatever_its_members_are() -> None:
    archive = Archive(made_at=clock.now())
    contents = {"empty": b"", "block": bytes(512), "odd": b"x" * 513, "a/" + "long" * 60: b"1", "caf\u00e9": b"2"}
    for name, content in contents.items():
        archive.add(name, content)
    archive.end()
    assert opened(archive.take()) == contents


# --- nothing is forgotten ---------------------------------------------------------------------------------------------


def test_every_table_of_an_account_is_in_the_archive_or_says_why_not() -> None:
    of_accounts: set[type[Model]] = {Account}
    while more := {model for model in apps.get_models(include_auto_created=True) if _refers(model, of_accounts)}:
        of_accounts |= more
    exported = {queryset.model for table in export.tables() for queryset in table.rows(Account(slug="nobody"))}
    exported |= {Message, apps.get_model("messaging", "Thread")}  # read by mailbox, of which nobody has none
    apps_of_ours = ("mailboxes", "messaging", "oversight", "billing")
    ours = {one for one in of_accounts if one._meta.app_label in apps_of_ours and not one._meta.proxy}
    left = ours - exported - set(INSIDE) - set(LEFT_OUT)
    assert {model._meta.label for model in left} == set()


def test_no_column_with_the_name_of_a_secret_is_told() -> None:
    told = {
        f"{table.name}.{field.attname}"
        for table in export.tables()
        for queryset in table.rows(Account(slug="nobody"))
        for field in queryset.model._meta.concrete_fields
        if not isinstance(field, BinaryField) and field.attname not in table.leave_out
    }
    assert {name for name in told if SECRET.search(name)} == set()


def _refers(model: type[Model], others: set[type[Model]]) -> bool:
    return model not in others and any(
        isinstance(field, ForeignKey) and field.related_model in others for field in model._meta.concrete_fields
    )


# --- under ASGI -------------------------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
async def test_under_asgi_pieces_are_sent_while_the_rest_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    alice = await asyncio.to_thread(_with_mail)
    monkeypatch.setattr(export, "PIECE_BYTES", 1)
    scope = {
        "type": "http",
        "method": "GET",
        "path": "/v1/account/export",
        "query_string": b"",
        "headers": [(b"host", b"localhost"), (b"authorization", f"Bearer {alice.key_text}".encode())],
    }
    client: Any = ApplicationCommunicator(ThreadedHandler(threads=2), scope)  # type: ignore[no-untyped-call]  # no types there
    await client.send_input({"type": "http.request"})
    start: dict[str, Any] = await client.receive_output(PATIENCE)
    assert start["status"] == 200
    pieces: list[bytes] = []
    while True:
        message: dict[str, Any] = await client.receive_output(PATIENCE)
        pieces.append(message.get("body", b""))
        if not message.get("more_body"):
            break
    await client.wait(PATIENCE)
    assert len([piece for piece in pieces if piece]) > 2
    assert "manifest.json" in opened(b"".join(pieces))


def _with_mail() -> Tenant:

    try:
        with zeal.zeal_ignore():
            alice = builders.tenant(mode=OversightMode.MONITORED)
            for number in range(5):
                noise = random.Random(number).randbytes(40_000).hex()
                builders.submit(alice, body_text="\n".join(textwrap.wrap(noise, 70)))
            return alice
    finally:
        connection.close()
