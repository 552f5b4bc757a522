"""Value types of mail: what was asked, what goes on the wire, what was read. No framework in here."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from uuid import UUID

# What may have made an agent send, by its own word.
PROVENANCES = ("human", "schedule", "inbound")


class RecipientKind(StrEnum):
    TO = "to"
    CC = "cc"
    BCC = "bcc"


@dataclass(frozen=True, slots=True)
class Address:
    """One mailbox: `address` is a canonical ASCII addr-spec (addresses.canonical), `name` the display name or ""."""

    address: str
    name: str = ""


@dataclass(frozen=True, slots=True)
class OutgoingFile:
    """A file to send along: its row's id, its content, and its Content-ID (no brackets) where it is inline."""

    attachment_id: UUID
    filename: str
    content_type: str
    content: bytes
    sha256: str
    content_id: str | None = None


@dataclass(frozen=True, slots=True)
class Draft:
    """What an agent asked to send; every address is canonical already. Becomes a sealed message by `drafts.compose`.

    `provenance` (of PROVENANCES) and `trigger_id`, the received message that made it send, are its own word.
    """

    mailbox_id: UUID
    to: tuple[str, ...]
    subject: str
    body_text: str = ""
    body_html: str | None = None
    body_markdown: str | None = None
    cc: tuple[str, ...] = ()
    bcc: tuple[str, ...] = ()
    reply_to: str | None = None
    in_reply_to: str | None = None
    headers: tuple[tuple[str, str], ...] = ()
    metadata: dict[str, str] = field(default_factory=dict)
    tags: tuple[str, ...] = ()
    oversight_mode: str | None = None
    files: tuple[OutgoingFile, ...] = ()
    provenance: str | None = None
    trigger_id: UUID | None = None

    def recipients(self) -> tuple[tuple[RecipientKind, str], ...]:
        """Every envelope recipient once, under the first kind that names it (to before cc before bcc)."""
        seen: dict[str, RecipientKind] = {}
        for kind, addresses in (
            (RecipientKind.TO, self.to),
            (RecipientKind.CC, self.cc),
            (RecipientKind.BCC, self.bcc),
        ):
            for address in addresses:
                seen.setdefault(address, kind)
        return tuple((kind, address) for address, kind in seen.items())


@dataclass(frozen=True, slots=True)
class Envelope:
    """SMTP sender and recipients (RFC 5321), as opposed to what the header shows. Sender "" is the null return path."""

    sender: str
    recipients: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ParsedAttachment:
    """One non-body part. `content_id` without angle brackets; `index` is the part's place in a depth-first walk."""

    filename: str
    content_type: str
    size_bytes: int
    content_id: str | None
    sha256: str
    index: int
    is_inline: bool = False


@dataclass(frozen=True, slots=True)
class Parsed:
    """What could be read of a received mail. `parse` never raises: what went wrong stands in `defects` (see Defect)."""

    header_from: Address | None = None
    to: tuple[Address, ...] = ()
    cc: tuple[Address, ...] = ()
    reply_to: tuple[Address, ...] = ()
    subject: str = ""
    message_id: str | None = None
    in_reply_to: str | None = None
    references: tuple[str, ...] = ()
    date: datetime | None = None
    headers: tuple[tuple[str, str], ...] = ()
    body_text: str = ""
    body_html: str | None = None
    attachments: tuple[ParsedAttachment, ...] = ()
    attachments_dropped: str | None = None
    report: Report | None = None
    is_automatic: bool = False
    defects: tuple[str, ...] = ()


class ReportKind(StrEnum):
    BOUNCE = "bounce"
    DELAY = "delay"
    DELIVERED = "delivered"
    COMPLAINT = "complaint"


@dataclass(frozen=True, slots=True)
class Report:
    """A delivery status notification (RFC 3464) or an abuse report (RFC 5965): what it says, not yet believed.

    `token` is the return-path token found in the envelope recipient or in the reported original, if any.
    """

    kind: ReportKind
    recipients: tuple[str, ...] = ()
    status: str = ""
    diagnostic: str = ""
    original_message_id: str | None = None
    token: str | None = None
