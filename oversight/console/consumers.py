"""The one socket of a tab: rung awake, it reads the rows behind its cursor and tells them. It takes no orders."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from contextlib import suppress
from importlib import import_module
from typing import Any, ClassVar
from urllib.parse import parse_qs
from uuid import UUID

from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncJsonWebsocketConsumer
from django.conf import settings
from django.contrib.auth import HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.base import SessionBase
from django.utils.crypto import constant_time_compare

from mailboxes.ids import parse_id
from mailboxes.models import User
from messaging.events.doorbell import group_name

from . import live
from .live import Frame
from .visit import Visit, find_visit

SESSION_OVER = 4401
TOO_MANY = 4429
FRAME_SECONDS = 0.25  # at most four frames a second
LOOK_SECONDS = 10.0  # a lost ring is found, and an ended session noticed, at the latest then


class ConsoleConsumer(AsyncJsonWebsocketConsumer):  # type: ignore[misc]
    """Closes with 4401 when the session is over, was given up, or went on in another account; with 4429 a person's
    tab too many."""

    # How many tabs each person has open, in this process.
    tabs: ClassVar[Counter[UUID]] = Counter()
    person: UUID | None = None
    pump: asyncio.Task[None] | None = None
    group = ""

    async def connect(self) -> None:
        # Read first, open then: what the page fetches once it is open can't be older than where we begin.
        visit = await self.find_visit()
        await self.accept()  # always: a refusal before that would have no code that the page can read
        if visit is None or not self.is_of_page(visit):
            await self.close(SESSION_OVER)
            return
        if self.tabs[visit.member.user_id] >= settings.SOCKETS_PER_PERSON:
            await self.close(TOO_MANY)
            return
        self.person = visit.member.user_id
        self.tabs[self.person] += 1
        self.account_id = visit.member.account_id
        self.cursor = visit.member.account.event_counter.last_seq
        self.rung = asyncio.Event()
        self.rung.set()
        self.group = group_name(self.account_id)
        await self.channel_layer.group_add(self.group, self.channel_name)
        self.pump = asyncio.create_task(self.tell())

    async def disconnect(self, code: int) -> None:
        if self.person is not None:
            self.tabs[self.person] -= 1
            if not self.tabs[self.person]:
                del self.tabs[self.person]
            self.person = None
        if self.pump is not None:
            self.pump.cancel()
            with suppress(asyncio.CancelledError):
                await self.pump
        if self.group:
            await self.channel_layer.group_discard(self.group, self.channel_name)

    async def receive(self, *_: Any, **__: Any) -> None:
        """What a page says is dropped: decisions come by POST only."""

    async def events_ring(self, _message: dict[str, Any]) -> None:
        self.rung.set()

    async def tell(self) -> None:
        """Frames as things happen, until the session ends."""
        has_more = False
        while True:
            if not has_more:
                with suppress(TimeoutError):
                    await asyncio.wait_for(self.rung.wait(), LOOK_SECONDS)
            self.rung.clear()
            began = time.monotonic()
            visit = await self.find_visit()
            if visit is None or visit.member.account_id != self.account_id:
                await self.close(SESSION_OVER)
                return
            has_more = await self.tell_once(visit)
            await asyncio.sleep(max(FRAME_SECONDS - (time.monotonic() - began), 0))

    async def tell_once(self, visit: Visit) -> bool:
        if visit.member.account.event_counter.last_seq == self.cursor:
            return False
        found: Frame = await database_sync_to_async(live.frame)(visit, self.cursor)
        self.cursor = found.cursor
        await self.send_json(found.message)
        return found.has_more

    async def find_visit(self) -> Visit | None:
        """Who looks now, read afresh: a session may have ended since the page was opened."""
        key = self.scope["session"].session_key
        if key is None:
            return None
        visit: Visit | None = await database_sync_to_async(_visit_of)(key)
        return visit

    def is_of_page(self, visit: Visit) -> bool:
        query = parse_qs(self.scope["query_string"].decode("latin-1"))
        return query.get("account") == [str(visit.member.account_id)]


def _visit_of(key: str) -> Visit | None:
    """Who looks by that session, read twice at most: its person may have changed both it and themselves in between.

    Not Channels' get_user, which would end a session that it reads in such a moment.
    """
    return _look(key) or _look(key)


def _look(key: str) -> Visit | None:
    session: SessionBase = import_module(settings.SESSION_ENGINE).SessionStore(key)
    user_id = parse_id(session.get(SESSION_KEY))
    user = User.objects.filter(pk=user_id).first() if user_id else None
    shown = str(session.get(HASH_SESSION_KEY, ""))
    if user is None or not constant_time_compare(shown, user.get_session_auth_hash()):
        return None
    return find_visit(user, session=session)
