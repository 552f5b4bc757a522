"""A cursor that leads nowhere is answered, by every way of listening, and never skipped in silence (I15)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from urllib.parse import quote

import pytest
from asgiref.sync import async_to_sync, sync_to_async

from config.owner import as_owner
from mailboxes import clock
from mailboxes.models import Event
from messaging.events import cursors
from tests import builders
from tests.builders import Tenant
from tests.chaos.processes import Crew

from . import ears
from .ears import Heard
from .writing import KIND, first_id, write

pytestmark = [pytest.mark.crash, pytest.mark.django_db(transaction=True)]

OLD = timedelta(days=31)


def garbage(text: str) -> Callable[[Tenant], str]:
    return lambda _: text


def of_a_stranger(_: Tenant) -> str:
    other = builders.tenant("charlie", is_verified=False)
    return first_id(other)


def too_old(tenant: Tenant) -> str:
    """The id of the log's first event, behind which events of 31 days ago stand."""
    with as_owner():
        rows = Event.objects.filter(account=tenant.account)
        rows.update(created_at=clock.now() - OLD)
    return first_id(tenant)


# Each with what a stream says of it and what the log answers.
LOST: dict[str, tuple[Callable[[Tenant], str], str, int]] = {
    "0": (garbage("0"), cursors.UNKNOWN, 404),
    "-1": (garbage("-1"), cursors.UNKNOWN, 404),
    "2^63": (garbage(str(2**63)), cursors.UNKNOWN, 404),
    "abc": (garbage("abc"), cursors.UNKNOWN, 404),
    "a line of SQL": (garbage("' OR 1=1 --"), cursors.UNKNOWN, 404),
    "never was": (garbage("01900000-0000-7000-8000-000000000000"), cursors.UNKNOWN, 404),
    "of another account": (of_a_stranger, cursors.UNKNOWN, 404),
    "too old": (too_old, cursors.EXPIRED, 410),
}


def test_each_is_answered_by_one_reset_or_refused_and_what_happens_then_is_told(
    crew: Crew, layer: dict[str, Any]
) -> None:
    server = crew.serve("web", CHANNEL_LAYERS=layer)
    for name, (made, reason, refusal) in LOST.items():
        tenant = builders.tenant(is_verified=False)
        cursor = made(tenant)
        status, answer = ears.ask(server.port, tenant.key_text, f"/v1/events/log?after={quote(cursor)}")
        assert (name, status, answer["code"]) == (name, refusal, f"cursor_{reason}")
        heard = async_to_sync(first_of)(server.port, tenant, cursor)
        assert [(one.id, one.kind) for one in heard[:1]] == [("", "reset")], name
        assert f'"{reason}"' in heard[0].data
        assert [one.kind for one in heard[1:]] == [KIND], name


async def first_of(port: int, tenant: Tenant, cursor: str) -> list[Heard]:
    """What a stream tells first of all: with the next event, which happens once it is open."""
    ear = await ears.listen(port, tenant.key_text, last=cursor)
    async with asyncio.timeout(ears.PATIENCE):
        heard = [await anext(ear)]
        await sync_to_async(write)(tenant)
        heard.append(await anext(ear))
    ear.close()
    return heard


def test_no_cursor_at_all_is_the_beginning_of_the_log_and_the_present_of_a_stream(
    crew: Crew, layer: dict[str, Any]
) -> None:
    server = crew.serve("web", CHANNEL_LAYERS=layer)
    tenant = builders.tenant(is_verified=False)
    status, page = ears.ask(server.port, tenant.key_text, f"/v1/events/log?after=&types={KIND}")
    assert (status, len(page["events"])) == (200, Event.objects.filter(account=tenant.account, kind=KIND).count())
    _, latest = ears.ask(server.port, tenant.key_text, "/v1/events/log?after=latest")
    assert latest["events"] == []
