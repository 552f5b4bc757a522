"""manage.py demo: the first thing people see."""

from __future__ import annotations

import json
import stat
from concurrent.futures import ThreadPoolExecutor
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import call_command
from django.db import connections
from django.test import Client
from pytest_django import Settings

from config import demo
from config.demo_letters import ANSWER, CUSTOMER_SUBJECT
from config.doctor import database
from config.invariants import check_all
from mailboxes import clock, keys, mailbox
from mailboxes.models import Account, ApiKey, Mailbox, User
from messaging.models import Attempt, Direction, Message, Status
from oversight.models import Review, ReviewState

pytestmark = pytest.mark.django_db(transaction=True)

PRINTED = [
    "console_url", "api_url", "smtp", "reviewer_email", "reviewer_password", "admin_url", "admin_email",
    "admin_password", "agent_key", "decide_key", "mailbox_id", "mailbox_address",
]  # fmt: skip


@pytest.fixture(autouse=True)
def data_dir(tmp_path: Path, settings: Settings) -> Path:
    settings.DATA_DIR = tmp_path / "var"
    settings.AUDIT_HEADS_DIR = tmp_path / "var" / "audit"
    return tmp_path / "var"


def run() -> dict[str, str]:
    output = StringIO()
    call_command("demo", "--json", stdout=output)
    return dict(json.loads(output.getvalue()))


def test_it_prints_where_everything_is_as_json_or_as_lines() -> None:
    made = run()
    assert list(made) == PRINTED
    assert made["console_url"] == "http://127.0.0.1:8000/review/"
    assert made["api_url"] == "http://127.0.0.1:8000/v1"
    assert made["smtp"] == "127.0.0.1:2525"
    assert made["mailbox_address"] == "demo@agents.example"
    output = StringIO()
    call_command("demo", stdout=output)
    lines = dict(line.split(maxsplit=1) for line in output.getvalue().splitlines())
    assert list(lines) == PRINTED
    assert lines["mailbox_id"] == made["mailbox_id"]


def test_the_doctor_finds_its_log_signed_although_it_tells_of_hours_ago() -> None:
    run()
    assert database.check_signed_heads().startswith("signed at ")


def test_a_demo_whose_mailbox_was_deleted_gets_another() -> None:
    old = Mailbox.objects.get(pk=run()["mailbox_id"])
    mailbox.delete(old, by="test", now=clock.now())
    made = run()
    assert made["mailbox_id"] != str(old.pk)
    assert made["mailbox_address"] == old.full_address


def test_the_console_is_not_empty_and_nothing_has_left() -> None:
    run()
    waiting = Review.objects.filter(state=ReviewState.OPEN)
    assert waiting.count() == 4
    assert Review.objects.get(state=ReviewState.REJECTED).note
    assert set(Message.objects.values_list("status", flat=True)) == {Status.HELD, Status.REJECTED, Status.RELEASED}
    assert not Attempt.objects.exists()


def test_the_held_reply_stands_in_the_thread_of_the_received_mail() -> None:
    run()
    question = Message.objects.get(direction=Direction.INBOUND)
    answer = Message.objects.select_related("thread").get(subject=ANSWER.subject)
    assert question.subject == CUSTOMER_SUBJECT
    assert answer.in_reply_to == question.message_id
    assert answer.thread_id == question.thread_id
    assert answer.thread is not None
    assert answer.thread.message_count == 2


def test_every_invariant_holds_of_a_fresh_demo() -> None:
    run()
    assert [result.invariant.id for result in check_all() if not result.holds] == []


def test_the_sign_ins_work_and_prove_humans() -> None:
    made = run()
    for who in ("reviewer", "admin"):
        user = User.objects.get(email=made[f"{who}_email"])
        assert user.check_password(made[f"{who}_password"])
        assert user.is_proven_human
    operator = Client()
    operator.force_login(User.objects.get(email=made["admin_email"]))
    assert operator.get("/admin/").status_code == 200


def test_each_call_adds_fresh_keys_and_kills_none_and_changes_nothing_else() -> None:
    first = run()
    messages = Message.objects.count()
    second = run()
    now = clock.now()
    for made in (first, second):
        assert keys.authenticate(made["agent_key"], now=now).scopes == {"read", "send", "admin"}
        assert keys.authenticate(made["decide_key"], now=now).scopes == {"read", "decide"}
    fresh = ("agent_key", "decide_key")
    assert all(first[name] != second[name] for name in fresh)
    assert {name: value for name, value in first.items() if name not in fresh} == {
        name: value for name, value in second.items() if name not in fresh
    }
    assert Message.objects.count() == messages
    assert ApiKey.objects.count() == 4


def test_passwords_are_kept_in_a_file_for_its_owner_only(data_dir: Path) -> None:
    made = run()
    path = data_dir / "demo.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert json.loads(path.read_text())[made["reviewer_email"]] == made["reviewer_password"]


def test_a_lost_file_makes_new_passwords(data_dir: Path) -> None:
    first = run()
    (data_dir / "demo.json").unlink()
    second = run()
    assert second["reviewer_password"] != first["reviewer_password"]
    assert User.objects.get(email=second["reviewer_email"]).check_password(second["reviewer_password"])
    assert User.objects.get(email=second["admin_email"]).check_password(second["admin_password"])


def test_an_emptied_database_gets_the_passwords_of_the_file() -> None:
    first = run()
    call_command("flush", verbosity=0, interactive=False)
    assert run()["reviewer_password"] == first["reviewer_password"]


def test_the_demo_survives_a_changed_default_mode(settings: Settings) -> None:
    settings.DEFAULT_MODE = "autonomous"
    made = run()
    assert Mailbox.objects.get(pk=made["mailbox_id"]).mode == "gated_send"


def test_a_call_that_comes_while_another_makes_the_demo_waits_for_it() -> None:
    def prepare(_: int) -> demo.Demo:
        try:
            return demo.prepare(now=clock.now())
        finally:
            connections.close_all()

    with ThreadPoolExecutor(3) as pool:
        made = list(pool.map(prepare, range(3)))
    assert len({one.mailbox_id for one in made}) == 1
    assert Account.objects.filter(slug="demo").count() == 1
    assert Review.objects.count() == 5
