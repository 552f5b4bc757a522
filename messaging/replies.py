"""Which of its own messages a mailbox's received mail answers, and what their sender keeps with them.

The nearest message of ours that In-Reply-To or References name; references to other mail, and to mail of another
mailbox, are passed over.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol, TypeVar
from uuid import UUID

from .models import Direction, Message
from .visibility import SENT

REFERENCES_LOOKED_AT = 20


Id = TypeVar("Id", covariant=True)
Key = TypeVar("Key")


class Answering(Protocol[Id]):
    """What is looked at of a message, be it an instance of the model or a bare row."""

    @property
    def pk(self) -> Id: ...
    @property
    def direction(self) -> str: ...
    @property
    def mailbox_id(self) -> UUID: ...
    @property
    def in_reply_to(self) -> str | None: ...
    @property
    def references(self) -> Sequence[str]: ...


def find(messages: Sequence[Answering[Key]]) -> dict[Key, Message]:
    """By the id of each received message the sent one that it answers: one query for all. Others are left out."""
    received = [message for message in messages if message.direction == Direction.INBOUND]
    names = {(message.mailbox_id, name) for message in received for name in _references(message)}
    if not names:
        return {}
    boxes, ids = {box for box, _ in names}, {name for _, name in names}
    found = Message.objects.filter(SENT, mailbox_id__in=boxes, message_id__in=ids).order_by("-created_at")
    ours = {(one.mailbox_id, one.message_id): one for one in found.only("mailbox_id", "message_id", "metadata", "tags")}
    answered: dict[Key, Message] = {}
    for message in received:
        known = (ours.get((message.mailbox_id, name)) for name in _references(message))
        nearest = next((one for one in known if one is not None), None)
        if nearest is not None:
            answered[message.pk] = nearest
    return answered


def _references(message: Answering[object]) -> Iterator[str]:
    """The Message-IDs that the message names, nearest first."""
    if message.in_reply_to:
        yield message.in_reply_to
    yield from reversed(message.references[-REFERENCES_LOOKED_AT:])
