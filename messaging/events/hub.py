"""One reader of the event log per process for all who listen: it is rung awake, reads once, and tells them all."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from functools import partial
from uuid import UUID

import structlog

from mailboxes import clock, keys

from . import limits, news, reading
from .ear import Ear
from .filters import Filter
from .news import News, Place
from .reading import Page
from .subscription import Ending, Frame, Subscription
from .threads import REPLAYERS, in_reader, in_replayer, rest_reader

log = structlog.get_logger(__name__)

LOOK_SECONDS = 2.0  # a lost ring is found, and a key that is no good any more noticed, at the latest then
TICK_SECONDS = 0.5
REPLAY_PAGE = 250
RENEW_SECONDS = 5.0
TROUBLE_SECONDS = 1.0
ENDING_SECONDS = 0.5

_hubs: dict[asyncio.AbstractEventLoop, Hub] = {}
endings: set[asyncio.Task[None]] = set()


def subscribe(
    filter: Filter, *, account_id: UUID, key_id: UUID | None, after: int, seconds: float = math.inf
) -> Subscription:
    """What happens in the account behind the seq `after`, for whoever iterates. Call it on the event loop.

    It ends after `seconds`, within seconds of the key's end, and when its reader is slow.
    """
    loop = asyncio.get_running_loop()
    if loop not in _hubs:
        _hubs[loop] = Hub()
    return _hubs[loop].subscribe(filter, account_id=account_id, key_id=key_id, after=after, seconds=seconds)


class Feed:
    """One account's listeners in this process, and the seq up to which those were told who are live."""

    def __init__(self, account_id: UUID, hub: Hub) -> None:
        self.account_id = account_id
        self._place: int | None = None
        self._in_reading: Place | None = None
        self.all: set[Subscription] = set()
        self._live: set[Subscription] = set()
        self._hub = hub

    async def page(self, asking: Subscription) -> Page:
        read = partial(_page, self.account_id, asking.cursor, asking.filter)
        async with self._hub.replaying:
            return await in_replayer(read)

    def join(self, asking: Subscription) -> bool:
        """Whether it is told from now on; not if the others have been told what it has not, or are about to be."""
        if self._place is None:
            self._place = asking.cursor
        if asking.cursor < self._place or (self._in_reading and not self._in_reading.holds(asking.filter.kinds)):
            return False
        self._live.add(asking)
        return True

    def stand_aside(self, lagging: Subscription) -> None:
        self._live.discard(lagging)

    def leave(self, leaving: Subscription) -> None:
        self.all.discard(leaving)
        self._live.discard(leaving)
        if not self.all:
            self._hub.forget(self)

    def begin_reading(self) -> Place | None:
        """Where to read on; None while nobody is live. Until `end_reading` nobody joins who wants more than is read."""
        if self._place is None:
            return None
        kinds = [one.filter.kinds for one in self._live]
        self._in_reading = Place(self._place, None if None in kinds else frozenset().union(*filter(None, kinds)))
        return self._in_reading

    def end_reading(self) -> None:
        self._in_reading = None

    def tell(self, found: News) -> None:
        for frame in map(Frame, found.told):
            for one in list(self._live):
                one.offer(frame)
        self._place = found.last
        for one in list(self.all):
            if found.is_over or one.key_id in found.revoked:
                one.end(Ending.SHUT_OUT)
            elif one.key_id in found.changed:
                one.end(Ending.OVER)


class Hub:
    """The listeners of one event loop. It lives as long as there are any."""

    def __init__(self) -> None:
        self.replaying = asyncio.Semaphore(REPLAYERS)
        self._loop = asyncio.get_running_loop()
        self._feeds: dict[UUID, Feed] = {}
        self._rung: set[UUID] = set()
        self._is_rung = asyncio.Event()
        self._looked_at = -math.inf
        self._ear = Ear(self._ring)
        acts = (self._ear.hear, self._ear.stay_in_groups, self._look, self._tick, _renew_leases)
        self._tasks = [asyncio.create_task(_again_and_again(act)) for act in acts]

    def subscribe(
        self, filter: Filter, *, account_id: UUID, key_id: UUID | None, after: int, seconds: float
    ) -> Subscription:
        feed = self._feeds.get(account_id)
        if feed is None:
            feed = self._feeds[account_id] = Feed(account_id, self)
            self._ear.listen_to(account_id)
        made = Subscription(filter, source=feed, key_id=key_id, after=after, seconds=seconds)
        feed.all.add(made)
        return made

    def forget(self, feed: Feed) -> None:
        del self._feeds[feed.account_id]
        self._ear.stop_listening_to(feed.account_id)
        if not self._feeds:
            del _hubs[self._loop]
            rest_reader()
            ending = asyncio.create_task(_end(self._tasks))
            endings.add(ending)
            ending.add_done_callback(endings.discard)

    def _ring(self, account_id: UUID) -> None:
        self._rung.add(account_id)
        self._is_rung.set()

    async def _look(self) -> None:
        """Wait for a ring, or for the time of a round through all accounts, and tell what is new."""
        until_round = self._looked_at + LOOK_SECONDS - time.monotonic()
        with suppress(TimeoutError):
            async with asyncio.timeout(max(until_round, 0)):
                await self._is_rung.wait()
        self._is_rung.clear()
        rung, self._rung = self._rung, set()
        if time.monotonic() - self._looked_at >= LOOK_SECONDS:
            self._looked_at = time.monotonic()
            await self._shut_out_lost_keys()
            rung = set(self._feeds)
        await self._tell(rung)

    async def _tell(self, account_ids: set[UUID]) -> None:
        feeds = [feed for account_id in account_ids if (feed := self._feeds.get(account_id)) is not None]
        places = {feed.account_id: place for feed in feeds if (place := feed.begin_reading()) is not None}
        try:
            found = await in_reader(partial(news.find, places)) if places else {}
            for feed in feeds:
                if feed.account_id in found:
                    feed.tell(found[feed.account_id])
                    if found[feed.account_id].has_more:
                        self._ring(feed.account_id)
        finally:
            for feed in feeds:
                feed.end_reading()

    async def _shut_out_lost_keys(self) -> None:
        listening = [one for feed in self._feeds.values() for one in feed.all if one.key_id is not None]
        if listening:
            good = await in_reader(partial(_good_keys, {one.key_id for one in listening if one.key_id is not None}))
            for one in listening:
                if one.key_id not in good:
                    one.end(Ending.SHUT_OUT)

    async def _tick(self) -> None:
        await asyncio.sleep(TICK_SECONDS)
        now = time.monotonic()
        for feed in list(self._feeds.values()):
            for one in list(feed.all):
                one.tick(now)


async def _renew_leases() -> None:
    await asyncio.sleep(RENEW_SECONDS)
    await in_replayer(limits.renew)


async def _end(tasks: Iterable[asyncio.Task[None]]) -> None:
    """Cancel until they have ended: while it connects, the broker's client may swallow the first time."""
    waiting = set(tasks)
    while waiting:
        for task in waiting:
            task.cancel()
        _, waiting = await asyncio.wait(waiting, timeout=ENDING_SECONDS)


async def _again_and_again(act: Callable[[], Awaitable[None]]) -> None:
    """Do it until cancelled. What goes wrong, at the database or the broker, is told and tried again."""
    while True:
        try:
            await act()
        except Exception as error:
            log.warning("events.trouble", act=act.__name__, error=str(error) or type(error).__name__)
            await asyncio.sleep(TROUBLE_SECONDS)


def _page(account_id: UUID, after: int, filter: Filter) -> Page:
    return reading.page(
        account_id,
        after=after,
        limit=REPLAY_PAGE,
        kinds=filter.kinds,
        mailbox_ids=filter.mailbox_ids,
        now=clock.now(),
    )


def _good_keys(key_ids: set[UUID]) -> set[UUID]:
    return keys.still_good(key_ids, now=clock.now())
