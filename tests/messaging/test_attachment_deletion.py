"""What is deleted gives its storage back; objects go after their rows, whatever the storage says."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest
from django.db import IntegrityError, connection, transaction
from pytest_django import Settings

from mailboxes import clock as clocks
from mailboxes.models import Account, Event
from messaging.attachments import contents, deletion, objects, sweeping, uploads
from messaging.attachments.refusals import StorageUnavailable
from messaging.models import Attachment, Message, RawMessage, Remnant, StoredFile
from messaging.tasks import forget_unsent_files, sweep_files
from tests import builders, files
from tests.api_client import Api
from tests.arrivals import arrive
from tests.builders import Tenant
from tests.conftest import Clock
from tests.contract.test_operations import WITH_A_FILE
from tests.fakes.storage import Frail

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("files_folder")]


@pytest.fixture(autouse=True)
def _mended() -> Iterator[None]:
    yield
    Frail.broken.clear()
    Frail.while_saving.clear()


@pytest.fixture
def alice() -> Tenant:
    return builders.tenant()


def delete(owner: Tenant, file: Attachment) -> int:
    return Api(owner.key_text).delete(f"/attachments/{file.pk}").status


def sweep() -> int:
    return sweeping.remove_remnants(now=clocks.now())


def test_a_deleted_upload_gives_its_bytes_back_and_its_object_goes(alice: Tenant, files_folder: Path) -> None:
    file = files.upload(alice)
    assert files.used(alice) == 5
    assert Api(alice.key_text).delete(f"/attachments/{file.pk}").json == {"deleted": True}
    assert files.used(alice) == 0
    assert files.objects(files_folder) == [files.digest(b"hello")]
    sweep_files()
    assert files.objects(files_folder) == []
    assert not Remnant.objects.exists()
    assert delete(alice, file) == 404
    assert Event.objects.filter(kind="attachment.deleted").count() == 1


def test_a_content_stays_while_another_attachment_has_it(alice: Tenant, files_folder: Path) -> None:
    first, second = files.upload(alice), files.upload(alice)
    delete(alice, first)
    sweep()
    assert files.objects(files_folder) == [files.digest(b"hello")]
    assert files.used(alice) == 5
    delete(alice, second)
    sweep()
    assert files.objects(files_folder) == []
    assert files.used(alice) == 0


def test_an_attachment_of_a_message_can_be_deleted_and_the_message_stays(alice: Tenant) -> None:
    file = files.upload(alice)
    file.message = builders.submit(alice)
    file.save(update_fields=["message"])
    assert delete(alice, file) == 200
    assert Message.objects.filter(pk=file.message.pk).exists()
    assert files.used(alice) == 0


def test_a_deleted_received_file_gives_its_bytes_back_and_the_mail_stays_whole(alice: Tenant) -> None:
    message = arrive(alice.mailbox, WITH_A_FILE)
    assert files.used(alice) == 5
    assert delete(alice, message.attachments.get()) == 200
    assert files.used(alice) == 0
    assert bytes(RawMessage.objects.get(message=message).raw) == WITH_A_FILE


def test_a_storage_that_is_away_stops_no_deletion(alice: Tenant, files_folder: Path, clock: Clock) -> None:
    file = files.upload(alice)
    Frail.broken.add("delete")
    assert delete(alice, file) == 200
    assert files.used(alice) == 0
    clock.advance(seconds=5)
    assert sweep() == 0
    Frail.broken.clear()
    assert sweep() == 0  # not tried again at once
    clock.advance(seconds=objects.TRY_AGAIN_AFTER.total_seconds())
    assert sweep() == 1
    assert files.objects(files_folder) == []


def test_the_same_content_uploaded_after_its_deletion_survives_the_sweep(alice: Tenant, files_folder: Path) -> None:
    delete(alice, files.upload(alice))
    again = files.upload(alice)
    sweep()
    assert files.objects(files_folder) == [files.digest(b"hello")]
    assert StoredFile.objects.get().sha256 == again.sha256


def test_a_content_that_is_deleted_while_it_is_uploaded_again_is_written_anew(
    alice: Tenant, files_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = files.upload(alice)
    seen = contents.is_stored
    asked: list[bool] = []

    def look(account_id: UUID, sha256: str) -> bool:
        found = seen(account_id, sha256)
        asked.append(found)
        if found:
            deletion.delete(alice.agent_actor, first.pk, now=clocks.now())
        return found

    monkeypatch.setattr(contents, "is_stored", look)
    again = files.upload(alice)
    sweep()
    assert asked == [True, False]
    assert StoredFile.objects.get().sha256 == again.sha256
    assert files.objects(files_folder) == [files.digest(b"hello")]
    assert files.used(alice) == 5


def test_an_object_whose_writer_died_goes_after_an_hour(alice: Tenant, files_folder: Path, clock: Clock) -> None:
    clock.set(clock.now())
    with files.taken_in(b"orphan") as file:
        objects.write(file.content, sha256=file.sha256, now=clock.now())
    clock.advance(seconds=3599)
    assert sweep() == 0
    clock.advance(seconds=2)
    assert sweep() == 1
    assert files.objects(files_folder) == []


def test_an_upload_that_the_sweep_overtook_does_not_refer_to_the_object(alice: Tenant, clock: Clock) -> None:
    """A writer that hung for longer than the sweep waits."""

    def overtake() -> None:
        sweeping.remove_remnants(now=clocks.now() + timedelta(hours=2))

    Frail.while_saving.extend([overtake] * uploads.TRIES)
    with pytest.raises(StorageUnavailable):
        files.upload(alice)
    assert not StoredFile.objects.exists()
    files.upload(alice)
    assert StoredFile.objects.exists()


def test_files_that_were_never_sent_go_after_a_week(
    alice: Tenant, files_folder: Path, clock: Clock, settings: Settings
) -> None:
    clock.set(clock.now())
    unsent, sent = files.upload(alice), files.upload(alice, b"sent")
    Attachment.objects.filter(pk=sent.pk).update(message=builders.submit(alice))
    clock.advance(seconds=settings.UNSENT_FILE_HOURS * 3600 - 5)
    forget_unsent_files()
    assert Attachment.objects.count() == 2
    clock.advance(seconds=10)
    forget_unsent_files()
    sweep_files()
    assert list(Attachment.objects.all()) == [sent]
    assert files.objects(files_folder) == [files.digest(b"sent")]
    assert files.used(alice) == 4
    assert Event.objects.get(kind="attachment.deleted").subject == str(unsent.pk)


def test_all_files_of_messages_are_forgotten_by_one_verb(alice: Tenant, files_folder: Path) -> None:
    message = arrive(alice.mailbox, WITH_A_FILE)
    file = files.upload(alice, b"sent")
    Attachment.objects.filter(pk=file.pk).update(message=builders.submit(alice))
    file.refresh_from_db()
    with transaction.atomic():
        ids = [message.pk, file.message_id]
        assert deletion.forget_of_messages(alice.account.pk, ids) == 2  # type: ignore[arg-type]  # a list of ids
    sweep()
    assert files.used(alice) == 0
    assert files.objects(files_folder) == []


def test_contents_whose_attachments_went_with_their_message_are_given_back_by_the_sweep(
    alice: Tenant, files_folder: Path
) -> None:
    files.upload(alice)
    Attachment.objects.all().delete()  # as a cascade does
    forget_unsent_files()
    sweep_files()
    assert files.used(alice) == 0
    assert files.objects(files_folder) == []


def test_the_objects_of_an_account_go_however_its_rows_went(alice: Tenant, files_folder: Path) -> None:
    files.upload(alice)
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM messaging_storedfile WHERE account_id = %s", [alice.account.pk])
        cursor.execute("DELETE FROM messaging_attachment WHERE account_id = %s", [alice.account.pk])
    sweep()
    assert files.objects(files_folder) == []
    assert Account.objects.filter(pk=alice.account.pk).exists()


def test_the_database_refuses_an_attachment_without_a_content(alice: Tenant) -> None:
    with pytest.raises(IntegrityError, match="not stored"), transaction.atomic():
        Attachment.objects.create(
            account=alice.account, filename="a", content_type="a/b", size_bytes=1, sha256="0" * 64
        )


def test_the_database_refuses_to_lose_a_content_that_is_needed(alice: Tenant) -> None:
    files.upload(alice)
    with transaction.atomic():
        StoredFile.objects.all().delete()
        with pytest.raises(IntegrityError, match="still have the content"):
            connection.check_constraints()
        transaction.set_rollback(True)
