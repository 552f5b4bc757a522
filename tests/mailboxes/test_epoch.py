"""The restore epoch: a database that is older than what has left sends nothing until somebody confirms."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from io import StringIO
from pathlib import Path
from threading import Thread

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, connections, transaction
from django.test import Client
from pytest_django import Settings

from config import doctor
from mailboxes import clock, epoch, epoch_file
from mailboxes.models import Epoch, Event
from messaging.models import Attempt, Recipient, RecipientState
from messaging.outbound import dispatch, outbox
from tests import builders
from tests.builders import Tenant
from tests.fakes.sink import Sink
from tests.messaging.outbound import alice as alice
from tests.messaging.outbound import relay as relay

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def file(settings: Settings, tmp_path: Path) -> Path:
    settings.EPOCH_FILE = tmp_path / "epoch"
    return tmp_path / "epoch"


@pytest.fixture
def take_back_in_time(alice: Tenant) -> Callable[[], None]:
    """The epoch's row as it is now, to be put back later: all that a restored backup changes for this part."""
    kept = Epoch.objects.values().get()

    def restore() -> None:
        Epoch.objects.update(**kept)

    return restore


def send(alice: Tenant, count: int = 1) -> int:
    for _ in range(count):
        builders.submit(alice)
    return dispatch.drain()


def test_mail_leaves_and_the_file_follows_each_claim(alice: Tenant, relay: Sink) -> None:
    assert send(alice) == 1
    first = epoch_file.read()
    assert send(alice) == 1
    second = epoch_file.read()
    assert isinstance(first, epoch_file.Stamp)
    assert isinstance(second, epoch_file.Stamp)
    assert first.lineage == second.lineage
    assert first.mark is not None
    assert second.mark is not None
    assert first.mark < second.mark == Epoch.objects.get().mark


def test_an_idle_outbox_writes_nothing(alice: Tenant) -> None:
    before = Epoch.objects.get().mark
    assert dispatch.drain() == 0
    assert Epoch.objects.get().mark == before


def test_a_restored_backup_sends_nothing_until_it_is_confirmed(
    alice: Tenant, relay: Sink, take_back_in_time: Callable[[], None]
) -> None:
    send(alice, 3)
    take_back_in_time()
    builders.submit(alice)
    assert dispatch.drain() == 0
    halt = epoch.find_halt()
    assert halt is not None
    assert "was restored from a backup" in halt.reason

    assert dispatch.drain() == 0
    assert len(relay.taken) == 3
    assert epoch.confirm(by="operator:olga", now=clock.now())
    assert dispatch.drain() == 1
    assert dispatch.drain() == 0
    told = list(Event.objects.filter(kind__startswith="platform.").order_by("seq").values_list("kind", "data"))
    assert [kind for kind, _ in told] == ["platform.sending_halted", "platform.restore_confirmed"]
    assert json.loads(told[1][1]) == {"by": "operator:olga"}


def test_one_mail_after_the_backup_is_enough(alice: Tenant, relay: Sink, take_back_in_time: Callable[[], None]) -> None:
    send(alice)
    take_back_in_time()
    assert not epoch.may_send(now=clock.now())


def test_a_backup_made_in_the_middle_of_the_last_batch_is_an_older_one_too(alice: Tenant, relay: Sink) -> None:
    send(alice)
    mark = Epoch.objects.get().mark
    finished_at = Attempt.objects.order_by("-finished_at").values_list("finished_at", flat=True)[0]
    assert mark is not None
    assert finished_at is not None
    assert mark > finished_at


def test_a_restore_under_a_running_worker_ends_its_next_claim(
    alice: Tenant, relay: Sink, take_back_in_time: Callable[[], None]
) -> None:
    send(alice)
    take_back_in_time()
    with pytest.raises(epoch.DatabaseIsOlder), transaction.atomic():
        epoch.advance()


def test_a_lost_file_halts_a_database_that_has_sent(alice: Tenant, relay: Sink, file: Path) -> None:
    send(alice)
    file.unlink()
    builders.submit(alice)
    assert dispatch.drain() == 0
    halt = epoch.find_halt()
    assert halt is not None
    assert "DATA_DIR was moved, emptied or not kept" in halt.reason
    epoch.confirm(by="operator:olga", now=clock.now())
    assert dispatch.drain() == 1


def test_a_file_of_another_database_halts(alice: Tenant, file: Path) -> None:
    file.write_text("0198d2c4-0000-7000-8000-000000000000 2020-01-01T00:00:00.000000+00:00\n")
    assert not epoch.may_send(now=clock.now())
    halt = epoch.find_halt()
    assert halt is not None
    assert "belongs to another database" in halt.reason


@pytest.mark.parametrize("text", ["", "nonsense", "0198d2c4-0000-7000-8000-000000000000 soon"])
def test_a_file_that_makes_no_sense_halts(alice: Tenant, relay: Sink, file: Path, text: str) -> None:
    send(alice)
    file.write_text(text)
    assert not epoch.may_send(now=clock.now())


def test_an_empty_database_takes_the_file_over(file: Path) -> None:
    file.write_text("0198d2c4-0000-7000-8000-000000000000 2020-01-01T00:00:00.000000+00:00\n")
    assert epoch.may_send(now=clock.now())
    assert str(Epoch.objects.get().lineage) in file.read_text()


def test_a_database_from_before_there_was_an_epoch_goes_on_where_there_is_no_file(alice: Tenant, file: Path) -> None:
    Epoch.objects.update(mark=None)
    file.unlink()
    assert epoch.may_send(now=clock.now())
    assert file.exists()


def test_the_file_never_goes_back(alice: Tenant, relay: Sink) -> None:
    send(alice)
    now = epoch_file.read()
    assert isinstance(now, epoch_file.Stamp)
    assert now.mark is not None
    epoch_file.raise_to(epoch_file.Stamp(now.lineage, now.mark - timedelta(seconds=1)))
    assert epoch_file.read() == now


def test_claims_that_run_at_once_never_look_like_a_restore(alice: Tenant) -> None:
    errors: list[BaseException] = []

    def claim_often() -> None:
        try:
            for _ in range(40):
                with transaction.atomic():
                    epoch.advance()
                assert epoch.may_send(now=datetime.now().astimezone())
        except BaseException as error:
            errors.append(error)
        finally:
            connections.close_all()

    threads = [Thread(target=claim_often) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert epoch.find_halt() is None
    in_file = epoch_file.read()
    assert isinstance(in_file, epoch_file.Stamp)
    assert in_file.mark == Epoch.objects.get().mark


def test_console_health_and_doctor_say_so(
    alice: Tenant, relay: Sink, client: Client, take_back_in_time: Callable[[], None]
) -> None:
    send(alice)
    client.force_login(alice.owner.user)
    assert b"Nothing leaves this server" not in client.get("/review/").content
    take_back_in_time()
    dispatch.drain()

    assert b"Nothing leaves this server" in client.get("/review/").content
    answer = client.get("/health/ready")
    assert answer.status_code == 503
    assert "restored from a backup" in answer.json()["checks"]["sending"]["reason"]
    finding = next(finding for finding in doctor.examine() if finding.name == "sending")
    assert not finding.is_well
    assert "manage.py confirm_restore" in finding.text


def test_the_command_shows_what_would_leave_again_and_confirms(
    alice: Tenant, relay: Sink, take_back_in_time: Callable[[], None]
) -> None:
    send(alice)
    take_back_in_time()
    dispatch.drain()
    waiting = [builders.submit(alice), builders.submit(alice)]
    shown = command()
    assert "2 recipients get their mail when sending goes on" in shown
    assert all(message.message_id in shown for message in waiting)
    assert "manage.py confirm_restore --confirm" in shown
    assert dispatch.drain() == 0

    assert "sending goes on" in command("--confirm")
    assert epoch.find_halt() is None
    assert dispatch.drain() == 2
    with pytest.raises(CommandError, match="nothing to confirm"):
        command("--confirm")


def test_the_command_counts_what_was_interrupted(
    alice: Tenant, relay: Sink, take_back_in_time: Callable[[], None]
) -> None:
    builders.submit(alice)
    (attempt,) = outbox.claim_due(limit=1, now=clock.now())
    assert Recipient.objects.get(pk=attempt.recipient_id).state == RecipientState.SENDING
    take_back_in_time()
    assert not epoch.may_send(now=clock.now())
    report = json.loads(command("--json"))
    assert report["halted"]
    assert report["leaving"] == 1
    assert report["messages"][0]["due_at"] is None


def test_the_mark_is_the_databases_time(alice: Tenant, relay: Sink) -> None:
    send(alice)
    with connection.cursor() as cursor:
        cursor.execute("SELECT abs(extract(epoch FROM clock_timestamp() - mark)) < 1800 FROM mailboxes_epoch")
        assert cursor.fetchone() == (True,)


def command(*arguments: str) -> str:
    output = StringIO()
    call_command("confirm_restore", *arguments, stdout=output)
    return output.getvalue()
