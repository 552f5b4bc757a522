"""A received mail, read: total, so every mail there is can be stored and listed, with what is wrong about it.

Meant for a child process with limits on time and memory; what hangs or recurses in the standard library (reliability
F1, F2, F9) is avoided anyhow. Nothing read here is believed: no state may follow from it (I30).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TypeVar

from messaging.mime import address_list, attachments, automatic, bodies, encoded_words, reports, structure
from messaging.mime.attachments import USUAL, Limits
from messaging.mime.characters import BIDI, CONTROL, one_line, storable, strip_tags
from messaging.mime.conversation import message_ids
from messaging.mime.defects import Defect
from messaging.mime.structure import Structure
from messaging.mime.types import Address, Parsed, ParsedAttachment

MAX_ADDRESSES = 1_000
MAX_NAME = 500
_MAX_SUBJECT = 998
_MAX_DATE = 100
_YEARS = range(1970, 2200)
_MUST_BE_SINGLE = (
    "from",
    "sender",
    "to",
    "cc",
    "reply-to",
    "subject",
    "date",
    "message-id",
    "in-reply-to",
    "references",
)
_ADDRESS = re.compile(r"[^\s@]+@[^\s@]+\.[^\s@]+")

_NO_BODIES: tuple[str, str | None] = ("", None)
_NO_ATTACHMENTS: tuple[tuple[ParsedAttachment, ...], str | None] = ((), None)

T = TypeVar("T")


def parse(raw: bytes, *, limits: Limits = USUAL) -> Parsed:
    """What can be read of `raw`. Never raises; `defects` hold codes of `Defect`, sorted."""
    try:
        found = structure.read(raw)
    except Exception:  # the promise is totality: an error nobody foresaw must not lose the mail
        return Parsed(defects=(Defect.UNPARSEABLE,))
    reader = _Reader(found)
    text, html = reader.attempt(reader.bodies, _NO_BODIES)
    files, dropped = reader.attempt(lambda: reader.attachments(limits), _NO_ATTACHMENTS)
    headers = reader.headers()
    return Parsed(
        header_from=reader.attempt(reader.header_from, None),
        to=reader.attempt(lambda: reader.addresses("to"), ()),
        cc=reader.attempt(lambda: reader.addresses("cc"), ()),
        reply_to=reader.attempt(lambda: reader.addresses("reply-to"), ()),
        subject=reader.attempt(reader.subject, ""),
        message_id=next(iter(reader.ids("message-id")), None),
        in_reply_to=next(iter(reader.ids("in-reply-to")), None),
        references=reader.ids("references"),
        date=reader.attempt(reader.date, None),
        headers=headers,
        body_text=text,
        body_html=html,
        attachments=files,
        attachments_dropped=dropped,
        report=reader.attempt(lambda: reports.read(found), None),
        is_automatic=automatic.is_automatic(headers),
        defects=reader.defects(),
    )


def attachment_content(raw: bytes, index: int) -> bytes:
    """The decoded content of the part that `parse` listed under `index`. Raises LookupError when there is none."""
    found = structure.read(raw)
    for part in found.leaves:
        if part.index == index:
            return found.octets(part)
    raise LookupError(f"no part {index}")


def contents(raw: bytes) -> Iterator[bytes]:
    """The decoded content of every part that holds something, bodies too."""
    found = structure.read(raw)
    return (found.octets(part) for part in found.leaves)


@dataclass(frozen=True, slots=True)
class _Reader:
    """Reads one field after the other; what goes wrong in one is noted and costs that one only."""

    found: Structure

    def attempt(self, read: Callable[[], T], otherwise: T) -> T:
        try:
            return read()
        except Exception:  # see parse
            self.note(Defect.UNPARSEABLE)
            return otherwise

    def note(self, defect: Defect) -> None:
        self.found.defects.add(defect)

    def defects(self) -> tuple[str, ...]:
        headers = self.found.root.headers
        if any(len(headers.every(name)) > 1 for name in _MUST_BE_SINGLE):
            self.note(Defect.HEADER_TWICE)
        return tuple(sorted(self.found.defects))

    def headers(self) -> tuple[tuple[str, str], ...]:
        """Unfolded, encoded words as they came, controls as spaces."""
        return tuple((name, CONTROL.sub(" ", storable(value))) for name, value in self.found.root.headers.fields)

    def header_from(self) -> Address | None:
        """The one author everybody reads alike, or None."""
        values = self.found.root.headers.every("from")
        if len(values) == 1 and not CONTROL.search(values[0].replace("\t", " ")):
            read = address_list.read(values[0], limit=2)
            if read.is_sound and not read.has_group and len(read.addresses) == 1:
                return self._checked(read.addresses[0])
        self.note(Defect.FROM_DEFECT)
        return None

    def addresses(self, name: str) -> tuple[Address, ...]:
        addresses: list[Address] = []
        for value in self.found.root.headers.every(name):
            read = address_list.read(value, limit=MAX_ADDRESSES - len(addresses))
            addresses += [self._checked(address) for address in read.addresses]
            if not read.is_sound:
                self.note(Defect.ADDRESS_DEFECT)
            if read.is_cut:
                self.note(Defect.LIMITS)
                break
        return tuple(addresses)

    def subject(self) -> str:
        return self._shown(self.found.root.headers.first("subject") or "")[:_MAX_SUBJECT]

    def date(self) -> datetime | None:
        value = self.found.root.headers.first("date")
        if value is None:
            return None
        try:
            date = parsedate_to_datetime(value[:_MAX_DATE])
            # RFC 5322 section 3.3: "-0000" is a time in UTC of unknown zone.
            date = date.replace(tzinfo=UTC) if date.tzinfo is None else date.astimezone(UTC)
        except Exception:  # ValueError, TypeError, IndexError, OverflowError: the function has them all (F2)
            self.note(Defect.DATE_DEFECT)
            return None
        if date.year not in _YEARS:
            self.note(Defect.DATE_DEFECT)
            return None
        return date

    def ids(self, name: str) -> tuple[str, ...]:
        return message_ids(self.found.root.headers.first(name))

    def bodies(self) -> tuple[str, str | None]:
        return bodies.read(self.found, [part for part in self.found.leaves if attachments.is_body(part)])

    def attachments(self, limits: Limits) -> tuple[tuple[ParsedAttachment, ...], str | None]:
        files = [part for part in self.found.leaves if not attachments.is_body(part)]
        return attachments.describe(self.found, files, limits=limits)

    def _checked(self, address: Address) -> Address:
        name = self._shown(address.name)[:MAX_NAME]
        shown = _ADDRESS.search(name)
        if shown and shown.group().strip("<>()\"'").lower() != address.address:
            self.note(Defect.NAME_LIKE_ADDRESS)
        return Address(address.address, name)

    def _shown(self, value: str) -> str:
        """A header value as a person reads it."""
        decoded, is_certain = encoded_words.decode(value)
        text, has_tags = strip_tags(one_line(decoded))
        if not is_certain:
            self.note(Defect.CHARSET)
        if has_tags:
            self.note(Defect.TAG_CHARACTERS)
        if BIDI.search(text):
            self.note(Defect.BIDI)
        return text
