"""Who asks to listen over a socket, to what, and from where on; read in one go, in a thread with the database."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from django.http import QueryDict

from mailboxes import clock, keys
from mailboxes.api import authentication, reading
from mailboxes.principals import Principal

from . import cursors, filters
from .filters import Filter

NAMES = ("events", "mailboxId", "tags", "after")


@dataclass(frozen=True, slots=True)
class Asked:
    """`after` is the place behind which events are told, `cursor` its public name; `lost` says why it is not theirs."""

    principal: Principal
    filter: Filter
    after: int
    cursor: str
    lost: str


def read(authorization: str, query: QueryDict) -> Asked:
    """What the bearer of that key asks for. Raises the Problem that stands against it."""
    now = clock.now()
    principal = authentication.of_header(authorization, find=partial(keys.authenticate, now=now))
    reading.refuse_unknown(query, known=NAMES)
    wanted = filters.of(
        principal,
        events=query.get("events", ""),
        mailbox_id=query.get("mailboxId", ""),
        tags=query.get("tags", ""),
    )
    account_id, place, lost = principal.account.pk, query.get("after", ""), ""
    try:
        after = cursors.find(account_id, place, now=now) if place else cursors.newest(account_id)
    except cursors.Lost as error:
        after, lost = cursors.newest(account_id), error.reason
    return Asked(principal, wanted, after, cursors.text_of(account_id, after), lost)
