"""The bytes: those that were approved, with one of each header and nothing that would tell of a Bcc."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from email.utils import getaddresses
from itertools import islice

from django.db import connection

from .invariant import Find, Invariant, promise

EXACTLY_ONE = ("from", "date", "message-id", "subject")
ROWS_AT_ONCE = 2000
FOLD = re.compile(r"\r\n[ \t]+")

# The formula of messaging.mime.seal, where the bytes are: a hundred thousand mails need not travel to be hashed.
SEAL_IS_RIGHT = """
SELECT 'message ' || m.id FROM messaging_message m
JOIN messaging_revision v ON v.message_id = m.id AND v.version = m.current_version
WHERE v.seal <> encode(sha256(convert_to(concat(
    '{"header_from":', to_json(m.from_address), ',"recipients":[', (
        SELECT string_agg('["' || r.kind || '",' || to_json(r.address) || ']', ','
            ORDER BY r.kind COLLATE "C", r.address COLLATE "C")
        FROM messaging_recipient r WHERE r.message_id = m.id),
    '],"send_at":null,"sha256":"', encode(sha256(v.raw), 'hex'), '"}'), 'UTF8')), 'hex')
"""

# Of what would leave, or left; older revisions may have had other recipients. Heads only: bodies stay where they are.
HEADS = """
SELECT m.id, b.full_address, substring(v.raw FROM 1 FOR position('\\x0d0a0d0a'::bytea IN v.raw) + 3),
    ARRAY(SELECT r.address FROM messaging_recipient r WHERE r.message_id = m.id AND r.kind = 'bcc')
FROM messaging_message m
JOIN messaging_revision v ON v.message_id = m.id AND v.version = m.current_version
JOIN mailboxes_mailbox b ON b.id = m.mailbox_id
"""


@dataclass(frozen=True, slots=True)
class Head:
    """What the reader of one outgoing mail sees of it above the body."""

    message_id: str
    mailbox: str
    headers: list[tuple[str, str]]
    blind: set[str]


def hides_bcc(head: Head) -> bool:
    """Whether no header names a blind recipient where others look."""
    if any(name == "bcc" for name, _ in head.headers):
        return False
    shown = [value for name, value in head.headers if name in ("to", "cc")] if head.blind else []
    return not {address.lower() for _, address in getaddresses(shown)} & head.blind


def has_one_of_each(head: Head) -> bool:
    """Whether From, Date, Message-ID and Subject stand there once, From being the mailbox."""
    names = [name for name, _ in head.headers]
    if any(names.count(name) != 1 for name in EXACTLY_ONE):
        return False
    [(_, address)] = getaddresses([value for name, value in head.headers if name == "from"])
    return address.lower() == head.mailbox


def _unless(holds: Callable[[Head], bool]) -> Find:
    def find(limit: int) -> list[str]:
        broken = (f"message {head.message_id}" for head in _heads() if not holds(head))
        return list(islice(broken, limit))

    return find


def _heads() -> Iterator[Head]:
    with connection.chunked_cursor() as cursor:
        cursor.execute(HEADS)
        for rows in iter(lambda: cursor.fetchmany(ROWS_AT_ONCE), []):
            for message_id, mailbox, raw, blind in rows:
                yield Head(str(message_id), mailbox, _headers(bytes(raw)), set(blind))


def _headers(raw: bytes) -> list[tuple[str, str]]:
    # Our own bytes, so every line is a header or goes on with one; the library's parser takes twenty times as long.
    lines = FOLD.sub(" ", raw.decode("ascii", "replace")).rstrip("\r\n").split("\r\n")
    return [(name.strip().lower(), value.strip()) for name, _, value in (line.partition(":") for line in lines)]


INVARIANTS = (
    promise("I05", "The bytes that leave are the bytes under the seal.", SEAL_IS_RIGHT),
    Invariant("I33", "No outgoing mail tells of its blind recipients.", _unless(hides_bcc)),
    Invariant("I34", "Exactly one From, Date, Message-ID and Subject; From is the mailbox.", _unless(has_one_of_each)),
)
