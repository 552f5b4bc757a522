"""Eight at once on the same content or the same room: rows and objects agree afterwards, every round."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from django.db import connection, transaction

from mailboxes import clock
from mailboxes.errors import Problem
from messaging.attachments import deletion, outgoing, reading, sweeping
from messaging.models import Attachment, Remnant, StoredFile
from tests import builders, files
from tests.api_client import Api
from tests.builders import Tenant
from tests.fakes.storage import Frail
from tests.races.harness import THREADS, Act, family, in_rounds, refusals, winners

pytestmark = [
    pytest.mark.race,
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("files_folder"),
]


@pytest.fixture(autouse=True)
def _mended() -> Iterator[None]:
    yield
    Frail.broken.clear()


@pytest.fixture
def alice() -> Tenant:
    return builders.tenant()


def check_agreement(owner: Tenant, folder: Path) -> None:
    """After the sweep every content that an attachment has is one object, and nothing else is there."""
    sweeping.remove_remnants(now=clock.now())
    needed = set(Attachment.objects.values_list("sha256", flat=True))
    assert set(StoredFile.objects.values_list("sha256", flat=True)) == needed
    assert files.objects(folder) == sorted(needed)
    assert files.used(owner) == sum(StoredFile.objects.values_list("size_bytes", flat=True))
    assert not Remnant.objects.exists()


def delete(owner: Tenant, file_id: UUID) -> None:
    deletion.delete(owner.agent_actor, file_id, now=clock.now())


@in_rounds
def test_exactly_what_has_room_is_stored_when_eight_upload_at_once(
    alice: Tenant, files_folder: Path, rounds: int
) -> None:
    with family("attachments: at the limit", rounds) as people:
        for number in range(rounds):
            builders.limit(alice.account, "storage_bytes", 30 * (number + 1) + 5)
            acts: list[Act] = [partial(files.upload, alice, b"%05d-%04d" % (number, n)) for n in range(THREADS)]
            results = people.race(acts)
            assert len(winners(results)) == 3
            assert refusals(results) == {"storage_limit"}
            assert files.used(alice) == 30 * (number + 1)
            people.winners += 3
        check_agreement(alice, files_folder)


@in_rounds
def test_one_object_is_kept_when_eight_upload_the_same(alice: Tenant, files_folder: Path, rounds: int) -> None:
    with family("attachments: the same content", rounds) as people:
        for number in range(rounds):
            results = people.race([partial(files.upload, alice, b"round %d" % number)] * THREADS)
            assert len(winners(results)) == THREADS
            assert StoredFile.objects.count() == number + 1
            people.winners += 1
        check_agreement(alice, files_folder)


@in_rounds
def test_a_content_is_there_or_gone_when_it_is_uploaded_deleted_and_swept_at_once(
    alice: Tenant, files_folder: Path, rounds: int
) -> None:
    with family("attachments: deleted and uploaded", rounds) as people:
        for _ in range(rounds):
            first, second = files.upload(alice), files.upload(alice)
            removing: Act = partial(sweeping.remove_remnants, now=clock.now())
            tidying: Act = sweeping.give_up_unused
            uploading: Act = partial(files.upload, alice)
            deleting: list[Act] = [partial(delete, alice, first.pk), partial(delete, alice, second.pk)]
            results = people.race([*deleting, uploading, uploading, removing, removing, tidying, uploading])
            assert refusals(results) == set()
            for file in Attachment.objects.all():
                with reading.open_content(file) as content:
                    assert content.read() == b"hello"
            check_agreement(alice, files_folder)
            Attachment.objects.all().delete()
            sweeping.give_up_unused()
            people.winners += 1


@in_rounds
def test_bytes_are_given_back_once_when_eight_delete_one_file(alice: Tenant, files_folder: Path, rounds: int) -> None:
    kept = files.upload(alice, b"kept")
    with family("attachments: deleted at once", rounds) as people:
        for _ in range(rounds):
            file = files.upload(alice)
            results = people.race([partial(delete, alice, file.pk)] * THREADS)
            assert len(winners(results)) == 1
            assert refusals(results) == {"NOT_FOUND"}
            assert files.used(alice) == 4
            people.winners += 1
        check_agreement(alice, files_folder)
    assert Attachment.objects.get() == kept


@in_rounds
def test_a_file_is_linked_or_swept_when_both_come_at_once(alice: Tenant, files_folder: Path, rounds: int) -> None:
    message = builders.submit(alice)
    long_after = clock.now() + timedelta(days=365)

    def link(file_id: UUID) -> int:
        with transaction.atomic():
            return Attachment.objects.filter(pk=file_id, message__isnull=True).update(message=message)

    with family("attachments: linked and swept", rounds) as people:
        for number in range(rounds):
            file = files.upload(alice, b"%d" % number)
            sweep: Act = partial(sweeping.forget_unsent, now=long_after)
            results = people.race([partial(link, file.pk), *[sweep] * (THREADS - 1)])
            assert not [result for result in results if isinstance(result, Problem)]
            assert Attachment.objects.filter(pk=file.pk).exists() is bool(results[0])
            people.winners += 1
        check_agreement(alice, files_folder)


def test_no_transaction_is_open_while_the_storage_is_asked(alice: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only here, where a test is no transaction itself."""
    seen: dict[str, bool] = {}
    api = Api(alice.key_text)
    for act in ("_save", "open", "delete"):
        real = getattr(Frail, act)

        def watched(*args: Any, act: str = act, real: Any = real) -> Any:
            seen[act] = connection.in_atomic_block
            return real(*args)

        monkeypatch.setattr(Frail, act, watched)
    uploaded = files.post(api, key="k-1")
    outgoing.gather(alice.agent_actor, [UUID(uploaded.json["id"])], now=clock.now())
    api.delete(f"/attachments/{uploaded.json['id']}")
    sweeping.remove_remnants(now=clock.now())
    assert seen == {"_save": False, "open": False, "delete": False}
