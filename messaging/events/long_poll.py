"""A page of the log that waits for its first event: white space while nothing happens, then the page as JSON."""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial
from uuid import UUID

from mailboxes import clock

from . import hub, log
from .limits import Lease
from .log import Asked
from .reading import Page
from .subscription import Ending
from .threads import in_replayer

# JSON may begin with as many as one likes (RFC 8259, section 2).
STILL_NOTHING = b"\n"


async def parts(asked: Asked, lease: Lease, *, key_id: UUID | None, seconds: float) -> AsyncIterator[bytes]:
    """The body, at the first event behind `asked.after` that the filter takes, or after so many seconds."""
    with lease.held():
        yield STILL_NOTHING  # with it goes the head
        subscribed = hub.subscribe(
            asked.filter, account_id=asked.account_id, key_id=key_id, after=asked.after, seconds=seconds
        )
        with subscribed as subscription:
            async for frame in subscription:
                if frame is not None:
                    break
                yield STILL_NOTHING
        read = partial(_answer, asked, is_shut_out=subscription.ended is Ending.SHUT_OUT)
        yield await in_replayer(read)


def _answer(asked: Asked, *, is_shut_out: bool) -> bytes:
    page = (
        Page([], asked.after, has_more=False, last_shown=asked.after)
        if is_shut_out
        else log.read(asked, now=clock.now())
    )
    return log.answer(asked.account_id, page).encode()
