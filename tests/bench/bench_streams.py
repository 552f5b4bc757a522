"""P10: from a commit to the last of 1,000 streams, beside a bare fan-out on the same server; and what idle ones weigh.

STREAMS=100 ROUNDS=20 IDLE=500 REPEATS=2 for a small run.
"""

from __future__ import annotations

import asyncio
import os
import statistics
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import pytest
from asgiref.sync import async_to_sync, sync_to_async
from django.db import connection
from pytest_django import Settings

from mailboxes.modes import OversightMode
from tests import builders
from tests.bench.announcing import Bare, Ours
from tests.bench.listeners import Listeners
from tests.bench.side_by_side import Comparison
from tests.bench.stack import Stack

pytestmark = pytest.mark.django_db(transaction=True)

STREAMS = int(os.environ.get("STREAMS", "1000"))
IDLE = int(os.environ.get("IDLE", "5000"))
ROUNDS = int(os.environ.get("ROUNDS", "100"))
REPEATS = int(os.environ.get("REPEATS", "5"))
REST = 0.03  # seconds between two commits
IDLE_KIB = 60.0
UNLIMITED = {"SSE_PER_KEY": "20000", "SSE_PER_ACCOUNT": "20000", "SSE_SECONDS": "3600"}


@pytest.fixture
def stack(tmp_path: Path, settings: Settings) -> Iterator[Stack]:
    with Stack(tmp_path) as stack:
        backend = "channels_redis.pubsub.RedisPubSubChannelLayer"
        settings.CHANNEL_LAYERS = {
            "default": {"BACKEND": backend, "CONFIG": {"hosts": [stack.valkey.url], "prefix": "gatepost"}}
        }
        yield stack


def test_from_a_commit_to_the_last_of_many_streams(stack: Stack) -> None:
    ours = Ours(builders.tenant(mode=OversightMode.AUTONOMOUS))
    port = stack.web("web", "config.asgi:application", **UNLIMITED)
    bare_port = stack.web("bare", "tests.bench.references.fanout:application")
    ours.commit()
    bare = Bare(ours.body())

    async def measure() -> tuple[list[list[float]], list[list[float]]]:
        mine = Listeners(port, key=ours.tenant.key_text)
        theirs = Listeners(bare_port, path="/")
        await mine.open(STREAMS)
        await theirs.open(STREAMS)
        await asyncio.sleep(2)
        await rounds(mine, ours.commit, 5)
        await rounds(theirs, bare.commit, 5)
        found: tuple[list[list[float]], list[list[float]]] = ([], [])
        for _ in range(REPEATS):
            found[0].append(await rounds(mine, ours.commit, ROUNDS))
            found[1].append(await rounds(theirs, bare.commit, ROUNDS))
            print("slowest, ms:", *(sorted(map(round, every[-1]))[-5:] for every in found), flush=True)
        assert mine.lost == theirs.lost == 0, "a stream was cut"
        mine.close()
        theirs.close()
        return found

    mine, theirs = async_to_sync(measure)()
    bare.close()
    for name, share in (("P10", 0.99), ("P10 p50", 0.5)):
        what = f"commit → last of {STREAMS:,} streams, p{share * 100:.0f}"
        ours_ms, bare_ms = ([percentile(one, share) for one in every] for every in (mine, theirs))
        Comparison(name, what, "bare LISTEN and queues, same server", "ms", ours_ms, bare_ms, 1.5, is_most=True).keep()


async def rounds(listeners: Listeners, commit: Callable[[], float], count: int) -> list[float]:
    times = []
    for _ in range(count):
        await asyncio.sleep(REST)
        times.append(await listeners.time_of(commit))
    return times


def percentile(times: Sequence[float], share: float) -> float:
    return statistics.quantiles(times, n=100, method="inclusive")[round(share * 100) - 1]


def test_idle_streams_weigh_little_and_hold_nothing(stack: Stack) -> None:
    ours = Ours(builders.tenant(mode=OversightMode.AUTONOMOUS))
    port = stack.web("web", "config.asgi:application", **UNLIMITED)

    async def weigh() -> tuple[list[float], list[int], list[int]]:
        crowd = Listeners(port, key=ours.tenant.key_text)
        # What grows once, with the first requests, is no stream's: as many threads answer as are ever going to, and
        # each has had a connection.
        await crowd.open(min(1000, IDLE // 2))
        await asyncio.sleep(3)
        before = await sync_to_async(look)(stack.pids["web"])
        begun = len(crowd.all)
        await crowd.open(IDLE - begun)
        await asyncio.sleep(3)
        after = await sync_to_async(look)(stack.pids["web"])
        await crowd.time_of(ours.commit)  # all of them live
        assert not crowd.lost, "a stream was cut"
        crowd.close()
        kib = (after[0] - before[0]) / (len(crowd.all) - begun)
        return [kib], [before[1], after[1]], [before[2], after[2]]

    each, threads, held = async_to_sync(weigh)()
    print(f"\n{IDLE:,} idle streams: threads {threads[0]} → {threads[1]}, database connections {held[0]} → {held[1]}")
    what = f"weight of one of {IDLE:,} idle streams"
    Comparison("P10 idle", what, "its limit", "KiB", each, [IDLE_KIB], 1.0, is_most=True).keep()
    assert threads[1] <= threads[0], "threads grow with streams"
    assert held[1] <= held[0], "connections grow with streams"


def look(pid: int) -> tuple[float, int, int]:
    """KiB of memory of its own, threads, and how many connections the database has."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()")
        held = int(cursor.fetchone()[0])
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    own = sum(int(line.split()[1]) for line in lines if line.startswith(("Private_", "Swap:")))
    threads = 0
    with suppress(OSError):
        threads = len(os.listdir(f"/proc/{pid}/task"))
    return own, threads, held
