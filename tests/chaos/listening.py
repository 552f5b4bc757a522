"""Runs of who listens: a web server is struck between two frames of a stream, and its clients go on at a healthy one
from the last event that each of them has dealt with.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from asgiref.sync import async_to_sync
from django.test import override_settings

from tests import builders
from tests.fakes.proxy import FaultProxy
from tests.seams.client import Client
from tests.seams.writing import log_of, writers
from tests.valkey import running_valkey

from .points import Case, Kind
from .processes import PATIENCE, STOPPED, Crew, Running, until
from .verdict import Verdict

IMPATIENT_AFTER = 0.5  # seconds: a client that was cut off notices it, one that hears nothing leaves
UNLIMITED: dict[str, Any] = {"SSE_PER_KEY": 1000, "SSE_PER_ACCOUNT": 1000}


def run(case: Case, crew: Crew) -> Verdict:
    """Every client hears the whole log of its account, each event once, in order."""
    dice = case.dice()
    tenants = [builders.tenant(is_verified=False) for _ in range(dice.randint(1, 3))]
    clients = [Client(dice.choice(tenants), number=number) for number in range(dice.randint(1, 5))]
    with bell() as layer:
        faulted = crew.serve("web", faults=case.faults(dice.randint(1, 20)), CHANNEL_LAYERS=layer, **UNLIMITED)
        healthy = crew.serve("web", CHANNEL_LAYERS=layer, **UNLIMITED)
        with writers(tenants):
            with FaultProxy(faulted.port) as proxy:
                async_to_sync(lose_streams)(case, faulted, proxy, clients)
            async_to_sync(listen_elsewhere)(healthy.port, clients)
            faulted.go_on()
        async_to_sync(hear_the_rest)(healthy.port, {one: log_of(one.tenant)[-1] for one in clients})
    verdict = Verdict()
    for client in clients:
        judge(client, verdict)
    return verdict


@contextmanager
def bell() -> Iterator[dict[str, Any]]:
    """The channel layer of a Valkey, for this process and, by its settings, for others."""
    with tempfile.TemporaryDirectory() as folder, running_valkey(Path(folder)) as url:
        backend = "channels_redis.pubsub.RedisPubSubChannelLayer"
        layer = {"default": {"BACKEND": backend, "CONFIG": {"hosts": [url]}}}
        with override_settings(CHANNEL_LAYERS=layer):
            yield layer


async def lose_streams(case: Case, faulted: Running, proxy: FaultProxy, clients: Sequence[Client]) -> None:
    """Listen to the server until it was struck and the clients have noticed, or lost their patience."""
    listening = [asyncio.create_task(one.listen(proxy.port)) for one in clients]
    async with asyncio.timeout(PATIENCE):
        while not faulted.is_struck:
            await asyncio.sleep(0.02)
    if case.kind in (Kind.STALL, Kind.DROP_NETWORK):
        until(lambda: faulted.state == STOPPED, "the server stands still")
    if case.kind is Kind.DROP_NETWORK:
        proxy.cut()
    await asyncio.wait(listening, timeout=IMPATIENT_AFTER)
    for task in listening:
        task.cancel()
    for ended in await asyncio.gather(*listening, return_exceptions=True):
        if isinstance(ended, BaseException) and not isinstance(ended, OSError | asyncio.CancelledError):
            raise ended


async def listen_elsewhere(port: int, clients: Sequence[Client]) -> None:
    await asyncio.gather(*(one.listen_for_a_moment(port) for one in clients))


async def hear_the_rest(port: int, ends: Mapping[Client, str]) -> None:
    await asyncio.gather(*(one.listen_until(port, end) for one, end in ends.items()))


def judge(client: Client, verdict: Verdict) -> None:
    log, heard = log_of(client.tenant), Counter(client.heard)
    verdict.expected += len(log)
    verdict.done += len(heard)
    verdict.lost += [f"{one} was never heard" for one in log if one not in heard]
    verdict.doubled += [f"{one} was heard {times} times" for one, times in heard.items() if times > 1]
    if client.heard != log:
        verdict.broken.append(f"what was heard is not the log of {client.tenant.account.pk}")
