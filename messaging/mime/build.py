"""The exact wire bytes of a message, made once: what is sealed, approved, signed and sent.

An own writer instead of `email.message.EmailMessage`, which is five times slower and, on older patch releases, writes
line breaks found inside encoded words (reliability F3). Every header passes `header`; all bytes pass `check_wire`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import datetime
from email.utils import format_datetime

from messaging.mime import entities, markdown
from messaging.mime.characters import SURROGATE
from messaging.mime.conversation import check_message_id
from messaging.mime.encoded_words import encode
from messaging.mime.header_lines import PRINTABLE, header, quoted
from messaging.mime.headers import check_subject
from messaging.mime.refusals import BodyRefused, WireDefect
from messaging.mime.types import Address, Draft, RecipientKind
from messaging.mime.wire import check_wire as check_wire

_MAX_WORD = 900
_MAX_QUOTED_NAME = 200

_ADDRESS = re.compile(r'[^\s@<>(),:;"\[\]\\]+@[A-Za-z0-9.-]+')
_UNIQUE = re.compile(r"[A-Za-z0-9._-]{1,255}")
_SINGLE_SPACE = re.compile(r"(?<! ) (?! )")


def build(draft: Draft, *, header_from: Address, message_id: str, date: datetime, references: tuple[str, ...]) -> bytes:
    """The wire bytes of `draft`: seven-bit, CRLF, lines folded at 78 where they can be, never a Bcc.

    `date` must be aware. Text alone makes one part; with HTML or Markdown it is multipart/alternative, with files
    multipart/mixed (see `entities`). Markdown alone is enough: it is its own text. Raises HeaderRefused or BodyRefused
    for what the caller of the API can put right.
    """
    body = entities.tree(_bodies(draft), draft.files)
    head = [
        *_address_headers(draft, header_from),
        header("Subject", _words(check_subject(draft.subject))),
        header("Date", [_formatted(date)]),
        header("Message-ID", [check_message_id(message_id)]),
        *_reply_headers(draft, references),
        header("MIME-Version", ["1.0"]),
        *(header(name, _words(value)) for name, value in draft.headers),
    ]
    raw = b"".join(["".join(head).encode("ascii"), *entities.written(body, seed=message_id)])
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
    yield header("From", _address_words([header_from]))
    for name, kind in (("To", RecipientKind.TO), ("Cc", RecipientKind.CC)):
        shown = [Address(address) for found, address in recipients if found is kind]
        if shown:
            yield header(name, _address_words(shown))
    if draft.reply_to is not None:
        yield header("Reply-To", _address_words([Address(draft.reply_to)]))


def _reply_headers(draft: Draft, references: Sequence[str]) -> Iterator[str]:
    if draft.in_reply_to is not None:
        yield header("In-Reply-To", [check_message_id(draft.in_reply_to)])
    if references:
        yield header("References", [check_message_id(reference) for reference in references])


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
    if PRINTABLE.fullmatch(name) and "=?" not in name and len(name) <= _MAX_QUOTED_NAME:
        return [quoted(name)]
    return encode(name)


def _words(text: str) -> list[str]:
    """`text` cut where a fold reads back as the same text, or encoded when it is not plain ASCII (or looks encoded)."""
    if not PRINTABLE.fullmatch(text) or "=?" in text or text != text.strip():
        return encode(text)
    words = _SINGLE_SPACE.split(text)
    return encode(text) if max(map(len, words)) > _MAX_WORD else words


def _formatted(date: datetime) -> str:
    if date.tzinfo is None:
        raise ValueError("date must carry its time zone")
    return format_datetime(date)
