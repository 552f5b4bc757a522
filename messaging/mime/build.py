"""The exact wire bytes of a message, made once: what is sealed, approved, signed and sent.

An own writer instead of `email.message.EmailMessage`, which is five times slower and, on older patch releases, writes
line breaks found inside encoded words (reliability F3). Every header passes `_header`; all bytes pass `check_wire`.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime

from messaging.mime import markdown
from messaging.mime.body_encoding import encode_body
from messaging.mime.characters import SURROGATE
from messaging.mime.conversation import check_message_id
from messaging.mime.encoded_words import encode
from messaging.mime.headers import check_subject
from messaging.mime.refusals import BodyRefused, WireDefect
from messaging.mime.types import Address, Draft, RecipientKind
from messaging.mime.wire import MAX_LINE
from messaging.mime.wire import check_wire as check_wire

_FOLD_AT = 78
_MAX_WORD = 900
_MAX_QUOTED_NAME = 200

_NAME = re.compile(r"[A-Za-z0-9-]{1,64}")
_ADDRESS = re.compile(r'[^\s@<>(),:;"\[\]\\]+@[A-Za-z0-9.-]+')
_PRINTABLE = re.compile(r"[ -~]*")
_UNIQUE = re.compile(r"[A-Za-z0-9._-]{1,255}")
_SINGLE_SPACE = re.compile(r"(?<! ) (?! )")


@dataclass(frozen=True, slots=True)
class _Part:
    subtype: str
    encoding: str
    content: bytes

    def headers(self) -> Iterator[str]:
        yield _header("Content-Type", [f"text/{self.subtype};", "charset=utf-8"])
        yield _header("Content-Transfer-Encoding", [self.encoding])


def build(draft: Draft, *, header_from: Address, message_id: str, date: datetime, references: tuple[str, ...]) -> bytes:
    """The wire bytes of `draft`: seven-bit, CRLF, lines folded at 78 where they can be, never a Bcc.

    `date` must be aware. Text alone makes one part; with HTML or Markdown it is multipart/alternative. Markdown alone
    is enough: it is its own text. Raises HeaderRefused or BodyRefused for what the caller of the API can put right.
    """
    parts = [_Part(subtype, *encode_body(content)) for subtype, content in _bodies(draft)]
    head = [
        *_address_headers(draft, header_from),
        _header("Subject", _words(check_subject(draft.subject))),
        _header("Date", [_formatted(date)]),
        _header("Message-ID", [check_message_id(message_id)]),
        *_reply_headers(draft, references),
        _header("MIME-Version", ["1.0"]),
        *(_header(name, _words(value)) for name, value in draft.headers),
    ]
    raw = _assembled(head, parts, message_id)
    check_wire(raw)
    return raw


def make_message_id(domain: str, unique: str) -> str:
    """`<unique@domain>`. `unique` is ours (an id), so a bad one is a ValueError, not a refusal."""
    if not _UNIQUE.fullmatch(unique) or not _UNIQUE.fullmatch(domain):
        raise ValueError("a message id of ours is made of letters, digits, dots and hyphens")
    return f"<{unique}@{domain}>"


def _bodies(draft: Draft) -> list[tuple[str, str]]:
    text = draft.body_text or draft.body_markdown
    html = draft.body_html
    if html is None and draft.body_markdown is not None:
        html = markdown.to_html(draft.body_markdown)
    if not text:
        raise BodyRefused("body_text_required", "Give bodyText, or bodyMarkdown which is also its own text.")
    bodies = [("plain", text)] if html is None else [("plain", text), ("html", html)]
    for _, content in bodies:
        if "\x00" in content or SURROGATE.search(content):
            raise BodyRefused("body_characters", "The body contains NUL or half of a surrogate pair.")
    return bodies


def _address_headers(draft: Draft, header_from: Address) -> Iterator[str]:
    recipients = draft.recipients()
    yield _header("From", _address_words([header_from]))
    for name, kind in (("To", RecipientKind.TO), ("Cc", RecipientKind.CC)):
        shown = [Address(address) for found, address in recipients if found is kind]
        if shown:
            yield _header(name, _address_words(shown))
    if draft.reply_to is not None:
        yield _header("Reply-To", _address_words([Address(draft.reply_to)]))


def _reply_headers(draft: Draft, references: Sequence[str]) -> Iterator[str]:
    if draft.in_reply_to is not None:
        yield _header("In-Reply-To", [check_message_id(draft.in_reply_to)])
    if references:
        yield _header("References", [check_message_id(reference) for reference in references])


def _address_words(addresses: Sequence[Address]) -> list[str]:
    words: list[str] = []
    for address in addresses:
        if not _ADDRESS.fullmatch(address.address):
            raise WireDefect("an address that is not canonical")
        words += [*_phrase(address.name), f"<{address.address}>"] if address.name else [address.address]
        words[-1] += ","
    words[-1] = words[-1].removesuffix(",")
    return words


def _phrase(name: str) -> list[str]:
    if _PRINTABLE.fullmatch(name) and "=?" not in name and len(name) <= _MAX_QUOTED_NAME:
        escaped = name.replace("\\", "\\\\").replace('"', '\\"')
        return [f'"{escaped}"']
    return encode(name)


def _words(text: str) -> list[str]:
    """`text` cut where a fold reads back as the same text, or encoded when it is not plain ASCII (or looks encoded)."""
    if not _PRINTABLE.fullmatch(text) or "=?" in text or text != text.strip():
        return encode(text)
    words = _SINGLE_SPACE.split(text)
    return encode(text) if max(map(len, words)) > _MAX_WORD else words


def _formatted(date: datetime) -> str:
    if date.tzinfo is None:
        raise ValueError("date must carry its time zone")
    return format_datetime(date)


def _header(name: str, words: Iterable[str]) -> str:
    """One header, folded between words. The only place that writes header lines: only printable ASCII passes."""
    if not _NAME.fullmatch(name):
        raise WireDefect("header name")
    lines = [f"{name}:"]
    for word in words:
        if not _PRINTABLE.fullmatch(word):
            raise WireDefect(f"character in {name}")
        # The first word stays beside the name unless the line would break the hard limit: some programs read an
        # empty first line as an empty header.
        limit = MAX_LINE if lines[-1] == f"{name}:" else _FOLD_AT
        if len(lines[-1]) + 1 + len(word) <= limit:
            lines[-1] += f" {word}"
        else:
            lines.append(f" {word}")
    return "\r\n".join(lines) + "\r\n"


def _assembled(head: Sequence[str], parts: Sequence[_Part], message_id: str) -> bytes:
    if len(parts) == 1:
        headers = "".join([*head, *parts[0].headers()]).encode("ascii")
        return headers + b"\r\n" + parts[0].content
    boundary = _boundary(message_id, parts)
    kind = _header("Content-Type", ["multipart/alternative;", f'boundary="{boundary}"'])
    pieces = ["".join([*head, kind]).encode("ascii"), b"\r\n"]
    for part in parts:
        pieces += [
            f"--{boundary}\r\n".encode("ascii"),
            "".join(part.headers()).encode("ascii"),
            b"\r\n",
            part.content,
            b"\r\n",
        ]
    pieces.append(f"--{boundary}--\r\n".encode("ascii"))
    return b"".join(pieces)


def _boundary(message_id: str, parts: Sequence[_Part]) -> str:
    """The same for the same message, and in none of its parts. "=_" occurs in no encoded body."""
    for attempt in range(1_000):
        boundary = "=_" + hashlib.sha256(f"{message_id} {attempt}".encode()).hexdigest()[:32]
        if not any(boundary.encode("ascii") in part.content for part in parts):
            return boundary
    raise WireDefect("no boundary found")
