"""Who asks to listen over a socket, to what, and from where on; read in one go, in a thread with the database."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from uuid import UUID

from django.http import QueryDict

from mailboxes import access_log, clock, keys
from mailboxes.access_writer import Call
from mailboxes.api import authentication, reading
from mailboxes.errors import Unauthenticated

from . import cursors, filters, limits
from .filters import Filter
from .limits import Lease

ROUTE = "/v1/events/ws"
NAMES = ("events", "mailboxId", "tags", "after")


@dataclass(frozen=True, slots=True)
class Asked:
    """A listener who was let in. It holds `lease` until that is released.

    `after` is the place behind which events are told, `cursor` its public name; `lost` says why it is not the one that
    was asked for.
    """

    account_id: UUID
    key_id: UUID
    filter: Filter
    after: int
    cursor: str
    lost: str
    lease: Lease


def read(authorization: str, query: QueryDict, *, address: str) -> Asked:
    """What the bearer of that key asks for, from that address. Raises the Problem that stands against it."""
    began, now = time.monotonic(), clock.now()
    try:
        find = partial(keys.authenticate, address=address, now=now)
        principal = authentication.of_header(authorization, find=find)
    except Unauthenticated:
        authentication.count_failure(address)
        raise
    assert principal.key is not None
    reading.refuse_unknown(query, known=NAMES)
    wanted = filters.of(
        principal,
        events=query.get("events", ""),
        mailbox_id=query.get("mailboxId", ""),
        tags=query.get("tags", ""),
    )
    account_id, key_id = principal.account.pk, principal.key.pk
    after, lost = _place(account_id, query.get("after", ""), now=now)
    cursor = cursors.text_of(account_id, after)
    lease = limits.take(key=key_id, account_id=account_id)
    access_log.note(Call(account_id, key_id, principal.identity, "GET", ROUTE, 101, began, time.monotonic() - began))
    return Asked(account_id, key_id, wanted, after, cursor, lost, lease)


def _place(account_id: UUID, text: str, *, now: datetime) -> tuple[int, str]:
    """Where to begin, and why not where `text` says; without a text it is now."""
    if not text:
        return cursors.newest(account_id), ""
    try:
        return cursors.find(account_id, text, now=now), ""
    except cursors.Lost as error:
        return cursors.newest(account_id), error.reason
