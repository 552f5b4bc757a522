"""Files the mails of a batch in as few transactions as they are independent of each other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from uuid import UUID

from django.db import transaction

from mailboxes import statements
from mailboxes.models import Mailbox, MailboxStatus
from messaging.faultpoints import faultpoint
from messaging.mime.types import Report
from messaging.models import Message, RawMessage, Recipient, Status
from messaging.signals import messages_arrived

from . import feedback, filing
from .reading import Reading

# A row that somebody else has filed meanwhile is not touched, and counts as missing.
MARK = """
UPDATE messaging_rawmessage AS raw SET processed_at = %(now)s, message_id = filed.message
FROM unnest(%(ids)s::uuid[], %(messages)s::uuid[]) AS filed(id, message)
WHERE raw.id = filed.id AND raw.processed_at IS NULL
RETURNING raw.id
"""


class NotFiled(Exception):
    """The mail can't be filed now: its mailbox was paused, or somebody else has filed it."""


class NotAdmitted(Exception):
    """Nobody said whether an arrived message may be shown."""


def file_all(readings: Sequence[Reading], *, now: datetime) -> None:
    """File mails that are no reports, in turn where they may belong to one thread. Raises NotFiled."""
    for one_round in rounds(readings):
        file_together(one_round, now=now)


def file_together(readings: Sequence[Reading], *, now: datetime) -> None:
    """File all of them or none; committed on return. What has no mailbox any more is kept, and nobody's."""
    with transaction.atomic():
        _lock_mailboxes(readings)
        at_home = [reading for reading in readings if reading.row.mailbox is not None]
        messages = filing.file_all(at_home, now=now) if at_home else []
        _mark(readings, {reading.row.pk: message for reading, message in zip(at_home, messages, strict=True)}, now=now)
        if messages:
            messages_arrived.send(sender=Message, messages=messages, now=now)
        if any(message.status == Status.ARRIVED for message in messages):
            raise NotAdmitted
        faultpoint("parse.before_commit")
    faultpoint("parse.after_commit")


def apply(report: Report, reading: Reading, *, now: datetime) -> None:
    """Do what a proved report says; committed on return. Raises NotFiled or feedback.TooEarly."""
    with transaction.atomic():
        _mark([reading], {}, now=now)
        feedback.apply(report, now=now)
        _forget_report_on_erased(report, reading, now=now)
        faultpoint("parse.before_commit")
    faultpoint("parse.after_commit")


def _forget_report_on_erased(report: Report, reading: Reading, *, now: datetime) -> None:
    """It quotes a mail that was deleted for good, and came after all else of it was erased."""
    recipient_id = feedback.recipient_of(report, now=now)
    if recipient_id is not None and not Recipient.objects.filter(pk=recipient_id).exists():
        RawMessage.objects.filter(duplicate_of=reading.row.pk).only("pk").delete()
        RawMessage.objects.filter(pk=reading.row.pk).only("pk").delete()


def rounds(readings: Sequence[Reading]) -> list[list[Reading]]:
    """The mails in the groups in which they can be filed together: what may belong to one thread comes in turn."""
    found: list[list[Reading]] = []
    last: dict[tuple[str, ...], int] = {}
    for reading in readings:
        number = max((last.get(bond, -1) + 1 for bond in _joins(reading)), default=0)
        if number == len(found):
            found.append([])
        found[number].append(reading)
        for bond in _offers(reading):
            last[bond] = max(number, last.get(bond, 0))
    return found


def _joins(reading: Reading) -> Iterator[tuple[str, ...]]:
    """By what the mail may join the thread of one before it."""
    box = str(reading.row.mailbox_id)
    yield from ((box, reference) for reference in reading.references)
    if not reading.references:
        yield box, reading.subject_key, reading.sender


def _offers(reading: Reading) -> Iterator[tuple[str, ...]]:
    """By what a later mail may join this one's thread."""
    box = str(reading.row.mailbox_id)
    yield from ((box, reference) for reference in reading.references)
    yield box, reading.parsed.message_id or ""
    if key := reading.subject_key:
        yield from ((box, key, person) for person in reading.people)


def _lock_mailboxes(readings: Sequence[Reading]) -> None:
    """Gives each row its mailbox as it is now, kept so: its mail is filed in turn, and it is not paused meanwhile."""
    ids = {reading.row.mailbox_id for reading in readings if reading.row.mailbox_id is not None}
    locked = (
        Mailbox.objects.select_for_update(no_key=True, of=("self",))
        .select_related("account")
        .filter(pk__in=ids, deleted_at__isnull=True)
        .order_by("pk")
    )
    boxes: dict[UUID | None, Mailbox] = {box.pk: box for box in locked} if ids else {}
    if any(box.status == MailboxStatus.PAUSED for box in boxes.values()):
        raise NotFiled
    for reading in readings:
        reading.row.mailbox = boxes.get(reading.row.mailbox_id)


def _mark(readings: Sequence[Reading], messages: dict[UUID, Message], *, now: datetime) -> None:
    ids = sorted(reading.row.pk for reading in readings)
    filed = [messages[pk].pk if pk in messages else None for pk in ids]
    if len(statements.run(MARK, {"ids": ids, "messages": filed, "now": now})) != len(ids):
        raise NotFiled
