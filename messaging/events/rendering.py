"""Events as agents are told them: once for all who listen to an account, in a fixed number of statements.

Left out is what no agent may know: kinds outside the catalog, what became of received mail before a human let it be
seen, arrived mail that was not released, the platform's own mail. What is gone meanwhile, and what can't be rendered by
a fault of ours, is told as it was recorded: by its ids.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from uuid import UUID

import structlog

from mailboxes import inbound_usage, statements
from mailboxes.events import is_hidden
from mailboxes.models import Account

from . import catalog, envelope, message_rows
from .entries import Entry
from .message_rows import NO_TAGS, MessageRow, Rows
from .payloads import OF_ONE_RECIPIENT, Payloads

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Told:
    """An event as it is told; `body` is its envelope, JSON on one line.

    `tags` are those of the message that it is about, and of the one that this answers.
    """

    id: UUID
    seq: int
    kind: str
    mailbox_id: UUID | None
    tags: frozenset[str]
    body: str


def render(account_id: UUID, events: Sequence[Entry], *, now: datetime) -> list[Told]:
    """The events of that account that agents may be told, in the order given.

    For everybody who listens to the account: what a listener's key sees of it is said by mailbox and tags afterwards.
    """
    shown = [event for event in events if event.kind in catalog.KINDS and not is_hidden(event.data)]
    if not shown or _is_platform(account_id):
        return []
    about = [_message_id(event) for event in shown]
    rows = _rows(account_id, shown, about)
    usage = _usage_of(account_id, now=now) if any(one.is_received for one in rows.messages.values()) else None
    payloads = Payloads(rows, usage, now)
    found = [(event, rows.messages.get(message_id)) for event, message_id in zip(shown, about, strict=True)]
    return [_told(event, message, payloads) for event, message in found if not _is_hidden(event, message)]


def _told(event: Entry, message: MessageRow | None, payloads: Payloads) -> Told:
    data = event.data if message is None else _data(event, message, payloads)
    tags = NO_TAGS if message is None else payloads.rows.tags(message)
    body = envelope.enveloped(event.id, event.kind, event.created_at, data)
    return Told(event.id, event.seq, event.kind, event.mailbox_id, tags, body)


def _data(event: Entry, message: MessageRow, payloads: Payloads) -> str:
    try:
        if event.kind in catalog.OF_RECEIVED_MAIL:
            return payloads.of_received(event, message)
        if event.kind.startswith("message."):
            return payloads.of_sent(event, message)
    except Exception as error:  # a fault of ours about one mail must not keep all later events from their listeners
        log.error("events.not_rendered", event_id=str(event.id), kind=event.kind, exc_info=error)
    return event.data


def _is_hidden(event: Entry, message: MessageRow | None) -> bool:
    """Of received mail agents hear that it came, once it was released; nothing of what humans did with it before."""
    if message is None or not message.is_received:
        return False
    return not message.is_shown or event.kind not in catalog.OF_RECEIVED_MAIL


def _message_id(event: Entry) -> str:
    """The id of the message that the event is about; "" if it is about none."""
    if event.kind.startswith("message."):
        return event.subject
    return str(json.loads(event.data)["message_id"]) if event.kind.startswith("review.") else ""


def _rows(account_id: UUID, shown: Sequence[Entry], about: Sequence[str]) -> Rows:
    in_full = {event.subject for event in shown if event.kind in catalog.OF_RECEIVED_MAIL}
    recipients = {json.loads(event.data)["recipient_id"] for event in shown if event.kind in OF_ONE_RECIPIENT}
    in_short = {pk for pk in about if pk} - in_full
    return message_rows.read(
        account_id, in_full=in_full, in_short=in_short, recipients=recipients, most=envelope.MOST_BYTES
    )


def _usage_of(account_id: UUID, *, now: datetime) -> inbound_usage.InboundUsage:
    return inbound_usage.find(Account.objects.only("is_platform").get(pk=account_id), now=now)


@lru_cache(maxsize=10_000)
def _is_platform(account_id: UUID) -> bool:
    """Whether it is the house itself; that never changes."""
    rows = statements.run("SELECT is_platform FROM mailboxes_account WHERE id = %(id)s", {"id": account_id})
    return bool(rows and rows[0][0])
