"""P11: from a commit to one listener while 100 mails a second flow, beside a bare NOTIFY -> LISTEN -> write.

The mails are submitted, sent and told as events in the listener's own account: it hears all of them, too.
RATE=20 ROUNDS=30 REPEATS=2 for a small run.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Iterator

import pytest
from asgiref.sync import async_to_sync

from mailboxes.models import LimitKind
from mailboxes.modes import OversightMode
from messaging.models import Message, Status
from tests import builders
from tests.bench.announcing import MARK, Bare, Ours
from tests.bench.listeners import Listeners
from tests.bench.side_by_side import Comparison
from tests.bench.stack import Stack, free_port, wait_until_answered
from tests.fakes.postfix import PostfixSink, postfix_sink

from .bench_streams import UNLIMITED, percentile, rounds
from .bench_streams import stack as stack

pytestmark = pytest.mark.django_db(transaction=True)

RATE = int(os.environ.get("RATE", "100"))
ROUNDS = int(os.environ.get("ROUNDS", "100"))
REPEATS = int(os.environ.get("REPEATS", "5"))
WARM_UP = 5.0
FLAGS = ("--without-mingle", "--without-gossip", "--without-heartbeat", "-O", "fair", "--loglevel", "WARNING")


@pytest.fixture
def sink() -> Iterator[PostfixSink]:
    with postfix_sink() as sink:
        yield sink


def test_from_a_commit_to_one_listener_while_mails_flow(stack: Stack, sink: PostfixSink) -> None:
    tenant = builders.tenant(mode=OversightMode.AUTONOMOUS)
    for kind in LimitKind.values:
        builders.limit(tenant.account, kind, 0)
    ours = Ours(tenant)
    ours.commit()
    bare = Bare(ours.body())
    relay = {"RELAY_URL": f"{sink.url}?tls=none"}
    port, bare_port = stack.web("web", "config.asgi:application", **UNLIMITED), free_port()
    stack.start("bare", "tests/bench/references/notify_write.py", PORT=str(bare_port))
    wait_until_answered(bare_port)
    stack.start("worker", "-m", "celery", "--quiet", "-A", "config", "worker", "-c", "2", *FLAGS, **relay)
    stack.start("flow", "-m", "tests.bench.flow", tenant.key_text, str(RATE), **relay)

    async def measure() -> tuple[list[list[float]], list[list[float]]]:
        mine = Listeners(port, key=tenant.key_text, path="/v1/events?events=message.sent", mark=MARK)
        theirs = Listeners(bare_port, path="/")
        await mine.open(1)
        await theirs.open(1)
        await asyncio.sleep(WARM_UP)
        found: tuple[list[list[float]], list[list[float]]] = ([], [])
        for _ in range(REPEATS):
            found[0].append(await rounds(mine, ours.commit, ROUNDS))
            found[1].append(await rounds(theirs, bare.commit, ROUNDS))
        mine.close()
        theirs.close()
        return found

    sent_before, begun = sent(), time.monotonic()
    mine, theirs = async_to_sync(measure)()
    print(f"\n{(sent() - sent_before) / (time.monotonic() - begun):.0f} mails were sent each second meanwhile")
    bare.close()
    for name, share in (("P11", 0.99), ("P11 p50", 0.5)):
        what = f"commit → one listener while {RATE} mails/s flow, p{share * 100:.0f}"
        ours_ms, bare_ms = ([percentile(one, share) for one in every] for every in (mine, theirs))
        Comparison(name, what, "NOTIFY → LISTEN → write", "ms", ours_ms, bare_ms, 3, is_most=True).keep()


def sent() -> int:
    return Message.objects.filter(status=Status.SENT).count()
