"""The statements that store received bytes: all the mails of a moment by one, committed before any sender hears 250.

A retry after a lost 250 is stored too, as the duplicate of the first, and never shown.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from mailboxes.ids import new_id

_COLUMNS = """
INSERT INTO messaging_rawmessage (
    id, mailbox_id, envelope_sender, envelope_recipient, via, peer, helo, raw, sha256, dedupe_key, received_at, due_at,
    is_gated, processed_at, duplicate_of_id
)
SELECT copy.id, box.id, mail.sender, copy.recipient, mail.way, mail.peer, mail.helo, mail.raw, mail.sha256, copy.key,
       clock.now, CASE WHEN box.status = 'PAUSED' THEN NULL ELSE clock.now END,
       coalesce(box.mode = 'gated_all', false)"""
# Mail for a paused mailbox is held from the start (`holding`), so that nobody looks at it again and again.
# A mailbox that was deleted since RCPT gets nothing more; the mail was promised a place, so it is kept without one.
_GIVEN = """
FROM unnest(%(ids)s::uuid[], %(places)s::int[], %(boxes)s::uuid[], %(recipients)s::text[], %(keys)s::text[])
        AS copy(id, place, box, recipient, key)
    JOIN unnest(%(raws)b::bytea[], %(sha256s)s::text[], %(senders)s::text[], %(ways)s::text[], %(peers)s::text[],
        %(helos)s::text[]) WITH ORDINALITY AS mail(raw, sha256, sender, way, peer, helo, place) USING (place)
    LEFT JOIN mailboxes_mailbox AS box ON box.id = copy.box AND box.deleted_at IS NULL
    CROSS JOIN (SELECT coalesce(%(now)s::timestamptz, clock_timestamp()) AS now) AS clock"""

# In the order of the keys, so that two of these at once do not wait for each other. On a conflict the unique index
# waits until the first is committed: it is there to be found by the second statement then.
STORE = f"""{_COLUMNS}, NULL, NULL
{_GIVEN}
ORDER BY copy.key
ON CONFLICT (dedupe_key) WHERE duplicate_of_id IS NULL DO NOTHING
RETURNING id, mailbox_id
"""
STORE_AGAIN = f"""{_COLUMNS}, clock.now, first.id
{_GIVEN}
    JOIN messaging_rawmessage AS first ON first.dedupe_key = copy.key AND first.duplicate_of_id IS NULL
WHERE copy.id = ANY(%(again)s)
RETURNING id, mailbox_id
"""


@dataclass(frozen=True, slots=True)
class Via:
    """How a mail came: the way, and who spoke to us there."""

    way: str
    peer: str = ""
    helo: str = ""


@dataclass(frozen=True, slots=True)
class Copy:
    """A recipient of the envelope, and the mailbox that it is; None for the operator's addresses and return paths."""

    recipient: str
    mailbox_id: UUID | None


@dataclass(frozen=True, slots=True)
class Mail:
    """Received bytes, their envelope sender (RFC 5321), and one copy for each recipient."""

    raw: bytes
    sender: str
    via: Via
    copies: tuple[Copy, ...]


@dataclass(frozen=True, slots=True)
class Stored:
    """Where a copy was stored, and for which mailbox."""

    id: UUID
    mailbox_id: UUID | None


class Statement:
    """What to ask the database to store some mails, one after the other: `text`, until there is none, each answered by
    `take`. For one try: its ids are new.
    """

    def __init__(self, mails: Sequence[Mail], *, now: datetime | None) -> None:
        self._mails = mails
        self.text = STORE
        sha256s = [hashlib.sha256(mail.raw).hexdigest() for mail in mails]
        copies = [(place, mail, copy) for place, mail in enumerate(mails) for copy in mail.copies]
        self.parameters: dict[str, Any] = {
            "ids": [new_id() for _ in copies],
            "places": [place + 1 for place, _, _ in copies],
            "boxes": [copy.mailbox_id for _, _, copy in copies],
            "recipients": [copy.recipient for _, _, copy in copies],
            "keys": [_dedupe_key(copy, mail.sender, sha256s[place]) for place, mail, copy in copies],
            "raws": [mail.raw for mail in mails],
            "sha256s": sha256s,
            "senders": [mail.sender for mail in mails],
            "ways": [mail.via.way for mail in mails],
            "peers": [mail.via.peer[:80] for mail in mails],
            "helos": [mail.via.helo[:255] for mail in mails],
            "now": now,
        }
        self._boxes: dict[UUID, UUID | None] = {}

    def take(self, returned: Sequence[tuple[UUID, UUID | None]]) -> None:
        """Note what `text` returned. What it did not store was there already: it is stored again, as a duplicate."""
        self._boxes.update(returned)
        again = [pk for pk in self.parameters["ids"] if pk not in self._boxes]
        self.text = STORE_AGAIN if again and self.text is STORE else ""
        self.parameters["again"] = again

    def stored(self) -> list[list[Stored]]:
        """What became of each mail's copies, in their order."""
        ids = iter(self.parameters["ids"])
        return [[Stored(pk, self._boxes[pk]) for _, pk in zip(mail.copies, ids, strict=False)] for mail in self._mails]


def _dedupe_key(copy: Copy, sender: str, sha256: str) -> str:
    owner = str(copy.mailbox_id) if copy.mailbox_id else copy.recipient.lower()
    return hashlib.sha256(f"{owner}\n{sender}\n{sha256}".encode()).hexdigest()
