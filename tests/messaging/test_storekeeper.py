"""What sessions hand over at the same time is committed together, and each hears what became of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import psycopg
import pytest
from asgiref.sync import sync_to_async

from mailboxes.models import Mailbox
from messaging.inbound import storekeeper
from messaging.inbound.storekeeper import Storekeeper
from messaging.inbound.storing import Copy, Mail, Stored, Via
from messaging.models import RawMessage
from tests import builders
from tests.letters import letter

pytestmark = pytest.mark.django_db(transaction=True)


def mail(box: Mailbox, *, helo: str = "mx.friends.example", raw: bytes | None = None) -> Mail:
    return Mail(raw or letter(), "kim@friends.example", Via("smtp", "127.0.0.1", helo), (Copy(str(box), box.pk),))


async def store(mails: Sequence[Mail]) -> list[list[Stored] | BaseException]:
    keeper = Storekeeper()
    try:
        return await asyncio.gather(*(keeper.store(one) for one in mails), return_exceptions=True)
    finally:
        await keeper.close()


async def test_many_mails_at_once_take_few_commits(monkeypatch: pytest.MonkeyPatch) -> None:
    box = (await sync_to_async(builders.tenant)()).mailbox
    sizes: list[int] = []
    take = Storekeeper._take_batch

    def noted(keeper: Storekeeper) -> list[storekeeper.Waiting]:
        batch = take(keeper)
        sizes.append(len(batch))
        return batch

    monkeypatch.setattr(Storekeeper, "_take_batch", noted)
    outcomes = await store([mail(box) for _ in range(30)])
    assert all(isinstance(outcome, list) and outcome[0].mailbox_id == box.pk for outcome in outcomes)
    assert await RawMessage.objects.acount() == 30
    assert len(sizes) <= 4


async def test_a_mail_that_the_database_refuses_costs_the_others_nothing() -> None:
    box = (await sync_to_async(builders.tenant)()).mailbox
    first, *others = await store([mail(box, helo="x"), mail(box), mail(box, helo="a\x00b"), mail(box)])
    refused = [outcome for outcome in (first, *others) if isinstance(outcome, BaseException)]
    assert [type(error) for error in refused] == [psycopg.DataError]
    assert await RawMessage.objects.acount() == 3


async def test_the_same_mail_twice_in_one_batch_is_a_mail_and_its_duplicate() -> None:
    box = (await sync_to_async(builders.tenant)()).mailbox
    raw = letter()
    await store([mail(box), mail(box), mail(box, raw=raw), mail(box, raw=raw), mail(box, raw=raw)])
    assert await RawMessage.objects.acount() == 5
    assert await RawMessage.objects.filter(duplicate_of__isnull=False, processed_at__isnull=False).acount() == 2


async def test_nothing_is_taken_when_the_listener_is_closing() -> None:
    box = (await sync_to_async(builders.tenant)()).mailbox
    keeper = Storekeeper()
    await keeper.close()
    with pytest.raises(psycopg.OperationalError):
        await keeper.store(mail(box))
