"""The door of a batch: who comes while a neighbour's mails are on their way does not wait for the end of them."""

from __future__ import annotations

import time
from collections.abc import Collection
from datetime import datetime
from uuid import UUID, uuid4

from .turns import Turns

# Seconds between two looks; and after one in vain, when mail is due that may not leave (of a stopped mailbox).
OPENS_EVERY = 0.02
SHUT_FOR = 1.0


class Door:
    """Opens between two mails of a batch, for the mail of accounts that have none in it."""

    def __init__(self) -> None:
        self._opens_at = time.monotonic() + OPENS_EVERY

    @property
    def is_open(self) -> bool:
        return time.monotonic() >= self._opens_at

    def look(self, hosts: Collection[UUID], *, now: datetime) -> Turns | None:
        """The turns of all others but the `hosts`, if one of them has something due."""
        others = Turns(after=uuid4(), but=hosts)
        is_anybody_there = others.is_anybody_waiting(now=now)
        self._opens_at = time.monotonic() + OPENS_EVERY
        return others if is_anybody_there else None

    def shut(self) -> None:
        """For a while: who waits may not come in."""
        self._opens_at = time.monotonic() + SHUT_FOR
