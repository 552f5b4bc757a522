"""The bytes: those that were approved, with one of each header and nothing that would tell of a Bcc."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from email.parser import BytesHeaderParser
from email.utils import getaddresses
from itertools import islice

from django.db.models import F

from messaging.models import Revision
from messaging.outbound import drafts

from .invariant import Find, Invariant

EXACTLY_ONE = ("from", "date", "message-id", "subject")


def is_seal_right(revision: Revision) -> bool:
    """Whether the seal follows from what would leave."""
    return drafts.seal_of(revision.message, bytes(revision.raw)) == revision.seal


def hides_bcc(revision: Revision) -> bool:
    """Whether no header names a blind recipient where others look."""
    headers = _headers(revision)
    shown = [value for name, value in headers if name in ("to", "cc")]
    named = {address.lower() for _, address in getaddresses(shown)}
    hidden = {recipient.address for recipient in revision.message.recipients.all() if recipient.kind == "bcc"}
    return not named & hidden and not any(name == "bcc" for name, _ in headers)


def has_one_of_each(revision: Revision) -> bool:
    """Whether From, Date, Message-ID and Subject stand there once, From being the mailbox."""
    headers = _headers(revision)
    names = [name for name, _ in headers]
    if any(names.count(name) != 1 for name in EXACTLY_ONE):
        return False
    [(_, address)] = getaddresses([value for name, value in headers if name == "from"])
    return address.lower() == revision.message.mailbox.full_address


def _unless(holds: Callable[[Revision], bool]) -> Find:
    def find(limit: int) -> list[str]:
        broken = (f"message {one.message_id}" for one in _current_revisions() if not holds(one))
        return list(islice(broken, limit))

    return find


def _current_revisions() -> Iterator[Revision]:
    """Revisions that would leave, or left; older ones may have had other recipients."""
    current = Revision.objects.filter(version=F("message__current_version"))
    related = current.select_related("message__mailbox").prefetch_related("message__recipients")
    return related.order_by("pk").iterator(chunk_size=200)


def _headers(revision: Revision) -> list[tuple[str, str]]:
    head = bytes(revision.raw).partition(b"\r\n\r\n")[0]
    return [(name.lower(), str(value)) for name, value in BytesHeaderParser().parsebytes(head).items()]


INVARIANTS = (
    Invariant("I05", "The bytes that leave are the bytes under the seal.", _unless(is_seal_right)),
    Invariant("I33", "No outgoing mail tells of its blind recipients.", _unless(hides_bcc)),
    Invariant("I34", "Exactly one From, Date, Message-ID and Subject; From is the mailbox.", _unless(has_one_of_each)),
)
