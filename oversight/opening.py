"""Storing a new review: with its likeness to others, and only while its author's key may have one more waiting."""

from __future__ import annotations

from collections.abc import Sequence

from django.conf import settings

from mailboxes import statements
from mailboxes.errors import LimitReached
from mailboxes.statements import as_json, row_of
from messaging.models import Message

from .models import Review
from .policy import likeness
from .policy.likeness import Letter, Likeness

# One statement more than none: who sends holds the counters of the mailbox by now (`quotas.spending_sends`), so those
# who come at once are counted one after the other. The columns are named, so that the database fills in what a later
# version of the table has.
STORE = """
INSERT INTO oversight_review ({columns})
SELECT {columns} FROM json_populate_record(NULL::oversight_review, %(review)s::json)
WHERE %(key)s::uuid IS NULL OR %(most)s = 0 OR %(most)s > (
    SELECT count(*) FROM (
        SELECT FROM oversight_review WHERE key_id = %(key)s::uuid AND state = 'open' LIMIT %(most)s
    ) AS waiting
)
RETURNING id
"""
COLUMNS = ", ".join(str(field.column) for field in Review._meta.concrete_fields)


def store(review: Review, message: Message) -> None:
    """Write the review of the message. Raises LimitReached where too much of its author's key waits already."""
    review.key_id = message.key_id
    mark(review, message)
    named = {"review": as_json(row_of(review)), "key": message.key_id, "most": settings.PENDING_PER_KEY}
    if not statements.run(STORE.format(columns=COLUMNS), named):
        raise LimitReached(
            f"{settings.PENDING_PER_KEY} messages of this key wait for people already.",
            code="pending_limit",
            fix="Wait for decisions (events review.approved, review.rejected, review.expired), or cancel what waits.",
        )


def mark(review: Review, message: Message) -> None:
    """Say of the review which others its message is like, as it stands now; the caller saves it."""
    found = likeness_of(message, reason_code=review.reason_code)
    review.fingerprint, review.blanks = found.fingerprint, list(found.blanks)


def likeness_of(message: Message, *, reason_code: str) -> Likeness:
    """What the message says without numbers and names. Reads its files, where it has any."""
    files: Sequence[str] = ()
    if message.has_attachments:
        files = list(message.attachments.values_list("sha256", flat=True))
    return likeness.of(letter_of(message, reason_code=reason_code, files=files))


def letter_of(message: Message, *, reason_code: str, files: Sequence[str] = ()) -> Letter:
    """The message as its likeness is told by."""
    author = message.agent_id or message.member_id
    return Letter(
        place=(str(author), str(message.mailbox_id), reason_code, message.from_address),
        recipients=(tuple(message.to_addresses), tuple(message.cc_addresses), tuple(message.bcc_addresses)),
        subject=message.subject,
        text=message.body_text,
        html=message.body_html or "",
        reply_to=message.reply_to,
        headers=tuple((str(name), str(value)) for name, value in message.headers.items()),
        files=tuple(files),
    )
