"""What is asked of the database about one message, as a row of JSON that the statement reads."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Self

from messaging.mime import addresses
from messaging.models import Message
from messaging.outbound.drafts import Composed


@dataclass(frozen=True, slots=True)
class Question:
    """A message as it is compared with the others of its account.

    `at` is the moment that windows of time end at; with `is_past`, nothing later is seen. In the present everything is
    that has been committed, whatever its time: who waited for the lock may be older than whom it waited for.
    """

    message: Message
    recipients: tuple[str, ...]
    file_hashes: tuple[str, ...]
    is_in_thread: bool
    at: datetime
    is_past: bool = False

    @classmethod
    def of_composed(cls, composed: Composed, *, now: datetime) -> Self:
        return cls(
            message=composed.message,
            recipients=tuple(recipient.address for recipient in composed.recipients),
            file_hashes=tuple(file.sha256 for file in composed.files),
            is_in_thread=not composed.is_first_of_thread,
            at=now,
        )

    @property
    def keys(self) -> dict[str, list[str]]:
        """The recipients by what all spellings of their address share."""
        found: dict[str, list[str]] = {}
        for address in self.recipients:
            found.setdefault(addresses.mailbox_key(address), []).append(address)
        return found

    def spelled(self, keys: Iterable[str]) -> tuple[str, ...]:
        """The recipients that have one of these keys, as the message spells them, in its order."""
        wanted = set(keys)
        return tuple(address for address in self.recipients if addresses.mailbox_key(address) in wanted)

    def row(self) -> dict[str, object]:
        message = self.message
        return {
            "id": message.pk,
            "mailbox": message.mailbox_id,
            "thread": message.thread_id if self.is_in_thread and message.in_reply_to is not None else None,
            "answers": message.in_reply_to,
            "keys": sorted(self.keys),
            "count": len(self.recipients),
            "at": self.at,
            "until": self.at if self.is_past else "infinity",
            "subject": message.subject,
            "body": _digest(message),
            "files": sorted(self.file_hashes),
        }


def _digest(message: Message) -> str:
    return hashlib.sha256(f"{message.body_text}\x01{message.body_html or ''}".encode("utf-8", "replace")).hexdigest()
