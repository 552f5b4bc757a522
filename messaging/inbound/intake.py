"""The way in: bytes are stored before the sender hears 250, read later, filed as a message, and shown when admitted.

Lock order: mailbox → raw message → recipients → account → message → thread → usage → event counter.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

import structlog
from django.db import DataError, connection, transaction
from django.db.models import BooleanField, Func, Value

from mailboxes import events, quotas
from mailboxes.models import LimitKind, Mailbox, MailboxStatus
from messaging import lifecycle, threads
from messaging.faultpoints import faultpoint
from messaging.mime import return_path
from messaging.mime.defects import Defect
from messaging.mime.types import Envelope, Parsed, Report, ReportKind
from messaging.models import Message, RawMessage, Status
from messaging.signals import message_arrived

from . import destinations, feedback, filing, parser_process, sender_checks
from .checks import Checks

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Via:
    """How a mail came: the way, and who spoke to us there."""

    way: str
    peer: str = ""
    helo: str = ""


@dataclass(frozen=True, slots=True)
class Reading:
    """What was read of a raw message, outside of any transaction."""

    parsed: Parsed
    checks: Checks


def receive(raw: bytes, *, envelope: Envelope, via: Via, now: datetime) -> RawMessage:
    """Store a mail for the one recipient of the envelope; committed on return. Ring PROCESS_INTAKE afterwards."""
    (row,) = receive_all(raw, envelope=envelope, via=via, now=now)
    return row


def receive_all(raw: bytes, *, envelope: Envelope, via: Via, now: datetime) -> list[RawMessage]:
    """Store a mail once for each recipient of the envelope, all or none; committed on return.

    A retry after a lost 250 is stored too, as the duplicate of the first, and never shown.
    """
    # In one order, so that two sessions with the same recipients do not wait for each other.
    recipients = sorted(set(envelope.recipients))
    rows = [_new_row(raw, recipient, sender=envelope.sender, via=via, now=now) for recipient in recipients]
    with transaction.atomic():
        _store(rows, now=now)
        faultpoint("inbound.before_commit")
    faultpoint("inbound.after_commit")
    return rows


def process_due(*, limit: int, now: datetime) -> int:
    """Read and file up to `limit` raw messages received by `now`; how many were filed.

    What is due for a paused mailbox waits until the mailbox is active. One bad mail does not stop the others.
    """
    due = (
        RawMessage.objects.filter(processed_at__isnull=True, received_at__lte=now)
        .exclude(mailbox__status=MailboxStatus.PAUSED, mailbox__deleted_at__isnull=True)
        .order_by("received_at", "id")
    )
    filed, began = 0, time.monotonic()
    for pk in list(due.values_list("pk", flat=True)[:limit]):
        with _claimed(pk) as row:
            if row is None:
                continue
            try:
                reading = _read(row)
                # Reading takes its time: a message is dated when it is filed, or `since=` would pass over it.
                filed_at = now + timedelta(seconds=time.monotonic() - began)
                filed += _file_reading(row, reading, now=filed_at)
            except Exception:  # one bad mail does not stop the others, and the sweep comes to it again
                log.exception("intake.failed", raw_message=str(pk))
    return filed


def process(raw_message: RawMessage, *, now: datetime) -> bool:
    """Read and file one raw message; False if it waits (mailbox paused) or somebody else filed it."""
    return _file_reading(raw_message, _read(raw_message), now=now)


def release(message: Message, *, now: datetime) -> None:
    """Show an arrived or held message to its agent: count it, and record `message.received`."""
    lifecycle.advance(message, Status.RELEASED, now=now, released_at=now)
    threads.show(message, now=now)
    quotas.count(message.account, LimitKind.MONTHLY_INBOUND, 1, now=now)
    ids = {"message_id": str(message.pk), "mailbox_id": str(message.mailbox_id), "thread_id": str(message.thread_id)}
    events.record(
        message.account_id, "message.received", subject=str(message.pk), data=ids, now=now,
        mailbox_id=message.mailbox_id,
    )  # fmt: skip


def _new_row(raw: bytes, recipient: str, *, sender: str, via: Via, now: datetime) -> RawMessage:
    destination = destinations.find(recipient)
    # Unknown by now: the mailbox was deleted after RCPT. The mail was promised a place, so it gets one.
    mailbox = destination.mailbox if destination else None
    sha256 = hashlib.sha256(raw).hexdigest()
    owner = str(mailbox.pk) if mailbox else recipient.lower()
    return RawMessage(
        mailbox=mailbox,
        envelope_sender=sender,
        envelope_recipient=recipient,
        via=via.way,
        peer=via.peer[:80],
        helo=via.helo[:255],
        raw=raw,
        sha256=sha256,
        dedupe_key=hashlib.sha256(f"{owner}\n{sender}\n{sha256}".encode()).hexdigest(),
        received_at=now,
    )


def _store(rows: list[RawMessage], *, now: datetime) -> None:
    # On a conflict the unique index waits until the first is committed; it is there to be found then.
    RawMessage.objects.bulk_create(rows, ignore_conflicts=True)
    stored = set(RawMessage.objects.filter(pk__in=[row.pk for row in rows]).values_list("pk", flat=True))
    for row in rows:
        if row.pk not in stored:
            row.duplicate_of = RawMessage.objects.defer("raw").get(dedupe_key=row.dedupe_key, duplicate_of__isnull=True)
            row.processed_at = now
            row.save(force_insert=True)


@contextmanager
def _claimed(pk: UUID) -> Iterator[RawMessage | None]:
    """The row, if nobody else works on it. A session's advisory lock: no transaction stays open while we read,
    and a killed worker's claim ends with its connection."""
    key = Func(Value(f"intake {pk}"), Value(0), function="hashtextextended")
    claim = Func(key, function="pg_try_advisory_lock", output_field=BooleanField())
    row = RawMessage.objects.annotate(is_ours=claim).filter(pk=pk, processed_at__isnull=True).first()
    if row is None or not row.is_ours:
        yield None
        return
    try:
        yield row
    finally:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_unlock(hashtextextended(%s, 0))", [f"intake {pk}"])


def _read(row: RawMessage) -> Reading:
    parsed = parser_process.parse(bytes(row.raw))
    return Reading(parsed, sender_checks.check(row, parsed))


def _file_reading(row: RawMessage, reading: Reading, *, now: datetime) -> bool:
    try:
        return _file_once(row, reading, now=now)
    except feedback.TooEarly:
        return False
    except DataError:
        # Text that the database refuses must not keep a mail from being listed (I28): its bytes are stored anyway.
        log.exception("intake.unstorable", raw_message=str(row.pk))
        return _file_once(row, Reading(Parsed(defects=(Defect.UNPARSEABLE,)), reading.checks), now=now)


def _file_once(row: RawMessage, reading: Reading, *, now: datetime) -> bool:
    report = _proved_report(row, reading.parsed, now=now)
    with transaction.atomic():
        mailbox = None if report else _lock_mailbox(row)
        if mailbox is not None and mailbox.status == MailboxStatus.PAUSED:
            return False
        message = None
        if mailbox is not None:
            message = filing.file(row, mailbox, parsed=reading.parsed, checks=reading.checks, now=now)
        unprocessed = RawMessage.objects.filter(pk=row.pk, processed_at__isnull=True)
        if not unprocessed.update(processed_at=now, message=message):
            transaction.set_rollback(True)  # somebody else has filed it
            return False
        if report is not None:
            feedback.apply(report, now=now)
        if message is not None:
            message_arrived.send(sender=Message, message=message, now=now)
        faultpoint("parse.before_commit")
    faultpoint("parse.after_commit")
    return True


def _lock_mailbox(row: RawMessage) -> Mailbox | None:
    """The mailbox as it is now, kept so: its mail is filed in turn, and it is not paused meanwhile."""
    if row.mailbox_id is None:
        return None
    return (
        Mailbox.objects.select_for_update(no_key=True, of=("self",))
        .select_related("account")
        .filter(pk=row.mailbox_id, deleted_at__isnull=True)
        .first()
    )


def _proved_report(row: RawMessage, parsed: Parsed, *, now: datetime) -> Report | None:
    """The report this mail is, with a token that we made; None for anything else, which is a mail like any other.

    The token stands in the envelope recipient; for a complaint it may stand in the returned original instead.
    """
    report = parsed.report
    if report is None:
        return None
    if destinations.feedback_about(row.envelope_recipient, now=now):
        return replace(report, token=return_path.find_token(row.envelope_recipient))
    is_proved = report.kind == ReportKind.COMPLAINT and feedback.recipient_of(report, now=now) is not None
    return report if is_proved else None
