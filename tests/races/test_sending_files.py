"""One upload in eight sends at once, some of them while it is deleted: each message has its file, or was not taken."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from pytest_django import Settings

from mailboxes.modes import OversightMode
from messaging.models import Attachment, Message
from tests import builders
from tests.api_client import Answer, Api
from tests.builders import Tenant
from tests.oversight.sends import MAIL, upload
from tests.races.harness import THREADS, family, in_rounds

pytestmark = [pytest.mark.race, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def alice(settings: Settings) -> Tenant:
    settings.DEFAULT_LIMITS = dict.fromkeys(settings.DEFAULT_LIMITS, 0)
    return builders.tenant(mode=OversightMode.AUTONOMOUS)


def sending(owner: Tenant, files: list[str]) -> Callable[[], Answer]:
    api, path = Api(owner.key_text), f"/mailboxes/{owner.mailbox.pk}/messages"
    return lambda: api.post(path, MAIL | {"attachments": files})


def deleting(owner: Tenant, file: str) -> Callable[[], Answer]:
    api = Api(owner.key_text)
    return lambda: api.delete(f"/attachments/{file}")


def statuses(results: list[object]) -> list[tuple[int, str]]:
    return [(one.status, one.json.get("code", "")) for one in results if isinstance(one, Answer)]


@in_rounds
def test_every_send_gets_its_own_file_when_eight_name_the_same_uploads(alice: Tenant, rounds: int) -> None:
    with family("files: the same uploads in eight sends", rounds) as people:
        for number in range(rounds):
            files = [upload(alice, content=b"%d %d" % (number, place)) for place in range(2)]
            acts = [sending(alice, files if place % 2 else files[::-1]) for place in range(THREADS)]
            assert statuses(people.race(acts)) == [(201, "")] * THREADS
            people.winners += 1
        assert not Attachment.objects.filter(account=alice.account, message__isnull=True).exists()
        for message in Message.objects.filter(mailbox=alice.mailbox).prefetch_related("attachments"):
            assert len(message.attachments.all()) == 2


@in_rounds
def test_a_file_that_is_deleted_meanwhile_leaves_or_refuses_and_nothing_between(alice: Tenant, rounds: int) -> None:
    with family("files: sent and deleted", rounds) as people:
        for number in range(rounds):
            file = upload(alice, content=b"%d" % number)
            results = statuses(people.race([sending(alice, [file])] * (THREADS - 1) + [deleting(alice, file)]))
            assert len(results) == THREADS
            refused = {(400, "attachment_gone"), (400, "unknown_attachment"), (503, "storage_unavailable")}
            assert set(results) <= {(201, ""), (200, ""), *refused}
            people.winners += 1
        sent = Message.objects.filter(mailbox=alice.mailbox).prefetch_related("attachments")
        assert all(len(message.attachments.all()) <= 1 for message in sent)
