"""A row of the event log, as its readers need it."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple, Protocol
from uuid import UUID


class Entry(Protocol):
    """What is read of an event; the model's instances have it, too."""

    @property
    def id(self) -> UUID: ...
    @property
    def seq(self) -> int: ...
    @property
    def kind(self) -> str: ...
    @property
    def subject(self) -> str: ...
    @property
    def mailbox_id(self) -> UUID | None: ...
    @property
    def data(self) -> str: ...
    @property
    def created_at(self) -> datetime: ...


class Logged(NamedTuple):
    """An event as the log's statements give it: no instance of the model for each of very many."""

    seq: int
    id: UUID
    kind: str
    subject: str
    mailbox_id: UUID | None
    data: str
    created_at: datetime


# What a statement that reads `mailboxes_event AS event` selects, for `Logged._make`.
COLUMNS = ", ".join(f"event.{name}" for name in Logged._fields)
