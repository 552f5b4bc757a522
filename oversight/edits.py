"""What people change of a held message: checked as strictly as a send, sealed anew, kept field by field."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from mailboxes.errors import Forbidden, Invalid
from mailboxes.models import Mailbox
from messaging.mime import addresses, headers
from messaging.mime.refusals import Refused
from messaging.mime.types import Draft, OutgoingFile
from messaging.models import Attachment, Message
from messaging.outbound import drafts, linking, revising
from messaging.outbound.drafts import Composed

from . import judging, sender
from .deciding import Reviewer
from .models import Decision, Edit, Review
from .policy.types import Outcome
from .sender import Sender

MAX_RECIPIENTS = 50
# The fields by their names on the wire, and where a message keeps them.
FIELDS = {
    "to": "to_addresses",
    "cc": "cc_addresses",
    "bcc": "bcc_addresses",
    "subject": "subject",
    "bodyText": "body_text",
    "bodyHtml": "body_html",
    "replyTo": "reply_to",
    "headers": "headers",
}
FILES = "attachments"


@dataclass(frozen=True, slots=True)
class Changes:
    """What is to be changed; None leaves a field as it is. An empty `html` drops the HTML; files are only left out."""

    to: tuple[str, ...] | None = None
    cc: tuple[str, ...] | None = None
    bcc: tuple[str, ...] | None = None
    subject: str | None = None
    text: str | None = None
    html: str | None = None
    without_files: frozenset[UUID] = frozenset()


@dataclass(frozen=True, slots=True)
class Change:
    """One field that differs between two revisions, as they have it."""

    field: str
    old: object
    new: object


def rewrite(review: Review, changes: Changes, *, reviewer: Reviewer, now: datetime) -> list[Change]:
    """Make the next revision of the review's held message; what changed.

    In the caller's transaction, the review locked. Raises Conflict (seal_differs), and what a send raises: Invalid,
    Forbidden, LimitReached; then nothing has changed.
    """
    message = review.message
    revision = revising.checked(message)
    draft = _changed(drafts.draft_of(message, files=revising.files_of(message, revision)), changes)
    who = _sender(draft, reviewer=reviewer, now=now)
    composed = drafts.recompose(message, draft, made_by=reviewer.principal.identity, now=now)
    found = differences(message, composed)
    if not found:
        raise Invalid("Nothing would change.", code="nothing_changed", fix="Approve the message as it is.")
    if changes.without_files:
        linking.replace(composed, now=now)  # files before counters, as whoever deletes a file locks them
    revise(message, composed, mailbox=who.mailbox, now=now)
    judged = judging.judge(message, who=who, now=now)
    verdict = judged.verdict
    if verdict.outcome == Outcome.REFUSE:
        raise Forbidden(verdict.text, code=verdict.code, fix=verdict.fix)
    judged.keep(now=now)
    judging.tighten(review, verdict)
    return found


def revise(message: Message, composed: Composed, *, mailbox: Mailbox, now: datetime) -> None:
    """Store the revision, and take or give back what it needs of the limits."""
    old, new = revising.booked(message), sender.amount_of_recipients(len(composed.recipients))
    revising.store(message, composed, now=now)
    revising.rebook(message, mailbox=mailbox, old=old, new=new, now=now)


def differences(before: Message, after: Composed) -> list[Change]:
    """The fields in which a stored message and its next form differ, in the order of the wire; files last.

    To be asked before the files are replaced.
    """
    pairs = [(field, getattr(before, column), getattr(after.message, column)) for field, column in FIELDS.items()]
    rows = Attachment.objects.filter(message=before.pk).values_list("filename", "content_type", "size_bytes", "sha256")
    files = [(one.filename, one.content_type, len(one.content), one.sha256) for one in after.files]
    pairs.append((FILES, _told(rows), _told(files)))
    return [Change(field, old, new) for field, old, new in pairs if old != new]


def keep(
    review: Review, found: Iterable[Change], *, decision: Decision | None = None, made_by: str, now: datetime
) -> None:
    """Keep what changed, for author and people; it goes with the message."""
    version = review.message.current_version
    rows = [
        Edit(
            review=review,
            decision=decision,
            version=version,
            field=one.field,
            old=one.old,
            new=one.new,
            made_by=made_by,
            made_at=now,
        )
        for one in found
    ]
    Edit.objects.bulk_create(rows)


def _changed(draft: Draft, changes: Changes) -> Draft:
    if (changes.text is None) != (changes.html is None) and draft.body_html is not None:
        raise Invalid(
            "The message says the same as text and as HTML, and only one of them would change.",
            code="one_body_left",
            fix="Change both; an empty HTML drops it.",
        )
    try:
        changed = replace(
            draft,
            to=_addresses(changes.to, draft.to),
            cc=_addresses(changes.cc, draft.cc),
            bcc=_addresses(changes.bcc, draft.bcc),
            subject=draft.subject if changes.subject is None else headers.check_subject(changes.subject),
            body_text=draft.body_text if changes.text is None else changes.text,
            body_html=draft.body_html if changes.html is None else changes.html or None,
            files=_files(draft.files, changes.without_files),
        )
    except Refused as refused:
        raise Invalid(refused.sentence, code=refused.code, fix="Correct it and send again.") from refused
    if not changed.to or max(len(changed.to), len(changed.cc), len(changed.bcc)) > MAX_RECIPIENTS:
        sentence = f"A message goes to 1 to {MAX_RECIPIENTS} addresses."
        raise Invalid(sentence, code="invalid_field", fix="Name at least one in `to`.", field="to")
    return changed


def _addresses(changed: tuple[str, ...] | None, present: tuple[str, ...]) -> tuple[str, ...]:
    return present if changed is None else tuple(addresses.canonical(one) for one in changed)


def _files(present: tuple[OutgoingFile, ...], left_out: frozenset[UUID]) -> tuple[OutgoingFile, ...]:
    if not left_out <= {one.attachment_id for one in present}:
        raise Invalid("The message has no such file.", code="invalid_field", fix="Read it again.", field=FILES)
    return tuple(one for one in present if one.attachment_id not in left_out)


def _told(files: Iterable[tuple[str, str, int, str]]) -> list[dict[str, object]]:
    """Files as they stand in an Edit: by their names and what they hold, in an order of their own."""
    return [dict(zip(("filename", "contentType", "sizeBytes", "sha256"), one, strict=True)) for one in sorted(files)]


def _sender(draft: Draft, *, reviewer: Reviewer, now: datetime) -> Sender:
    """The mailbox as it stands, if a send of this draft would be taken from it now."""
    recipients = [address for _, address in draft.recipients()]
    who = sender.get(reviewer.principal, draft.mailbox_id, recipients=recipients, now=now)
    who.check()
    who.check_recipients()
    return who
