"""Events as server-sent events (WHATWG HTML, section 9.2), in the narrow form that every client of the contract reads:
LF, one space after the colon, one line of data.
"""

from __future__ import annotations

import json
import random
from collections.abc import AsyncIterator
from dataclasses import dataclass
from uuid import UUID

from django.conf import settings

from messaging.faultpoints import faultpoint

from . import hub
from .filters import Filter
from .limits import Lease
from .subscription import Ending

HEARTBEAT = b": heartbeat\n\n"
# Without an id, so that the client's last one stays that of the last event.
RECONNECT = b"event: reconnect\ndata: {}\n\n"
# Spread over some seconds, or who was cut off together comes back together.
RETRY_MILLISECONDS = (1_000, 4_000)


@dataclass(frozen=True, slots=True)
class Asked:
    """A stream: what it tells behind which seq, and why it does not begin where its client was, if it does not."""

    filter: Filter
    account_id: UUID
    key_id: UUID | None
    after: int
    lost: str = ""


async def frames(asked: Asked, lease: Lease) -> AsyncIterator[bytes]:
    """The body, until SSE_SECONDS are over, the key's end, or the client's. It holds the lease for so long."""
    with lease.held():
        yield _retry() + (_reset(asked.lost) if asked.lost else b"")
        # Spread, too: streams that began together, after a restart, end apart.
        seconds = settings.SSE_SECONDS * random.uniform(0.9, 1)  # noqa: S311 - no secret
        subscribed = hub.subscribe(
            asked.filter, account_id=asked.account_id, key_id=asked.key_id, after=asked.after, seconds=seconds
        )
        with subscribed as subscription:
            async for frame in subscription:
                if frame is None:
                    yield HEARTBEAT
                    continue
                more = subscription.rest()
                yield b"".join([frame.sse, *(one.sse for one in more)]) if more else frame.sse
                faultpoint("sse.mid")
        if subscription.ended is Ending.OVER:
            yield RECONNECT


def _retry() -> bytes:
    return b"retry: %d\n\n" % random.randint(*RETRY_MILLISECONDS)  # noqa: S311 - no secret


def _reset(reason: str) -> bytes:
    return f"event: reset\ndata: {json.dumps({'reason': reason})}\n\n".encode()
