"""The way in: bytes are stored before the sender hears 250, read later, filed as a message, and shown when admitted.

Lock order: mailbox → raw message → recipients → account → usage of received mail → message → thread → event counter.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import groupby
from uuid import UUID

import structlog
from django.db import DataError, transaction
from django.db.models import Sum

from mailboxes import clock, events, quotas, statements
from mailboxes.events import Happening
from mailboxes.models import LimitKind
from messaging import lifecycle, shutdown, threads, wakeup
from messaging.faultpoints import faultpoint
from messaging.mime.defects import Defect
from messaging.mime.types import Envelope, Parsed
from messaging.models import Attachment, Message, RawMessage, Status

from . import claims, destinations, feedback, reading, storing, together, withholding
from .reading import Reading
from .storing import Via as Via

log = structlog.get_logger(__name__)

BATCH = 40
# A call ends in reasonable time whatever is due, so that a worker can be stopped, and other work has its turn.
BUSY_FOR = 2.0


def receive(raw: bytes, *, envelope: Envelope, via: Via, now: datetime) -> RawMessage:
    """Store a mail for the one recipient of the envelope; committed on return. Ring PROCESS_INTAKE afterwards."""
    (row,) = receive_all(raw, envelope=envelope, via=via, now=now)
    return row


def receive_all(raw: bytes, *, envelope: Envelope, via: Via, now: datetime) -> list[RawMessage]:
    """Store a mail once for each recipient of the envelope, all or none; committed on return.

    A retry after a lost 250 is stored too, as the duplicate of the first, and never shown.
    """
    copies = tuple(_copy(recipient) for recipient in sorted(set(envelope.recipients)))
    statement = storing.Statement([storing.Mail(raw, envelope.sender, via, copies)], now=now)
    with transaction.atomic():
        while statement.text:
            statement.take(statements.run(statement.text, statement.parameters))
        faultpoint("inbound.before_commit")
    faultpoint("inbound.after_commit")
    (stored,) = statement.stored()
    rows = RawMessage.objects.select_related("mailbox").in_bulk([one.id for one in stored])
    return [rows[one.id] for one in stored]


def drain(*, batch: int = BATCH, busy_for: float = BUSY_FOR) -> int:
    """Read and file what is due and say how many were filed. Any number of workers may do so at once.

    Ends after about `busy_for` seconds and rings for a successor when more is due; on SIGTERM after the batch in hand.
    """
    until = time.monotonic() + busy_for
    filed = 0
    with shutdown.termination_waits():
        while not shutdown.is_asked():
            taken_count, filed_count = _process_batch(limit=batch, now=clock.now())
            filed += filed_count
            if not taken_count:
                return filed
            if time.monotonic() > until:
                wakeup.ring(wakeup.PROCESS_INTAKE)
                return filed
    return filed


def process_due(*, limit: int, now: datetime) -> int:
    """Read and file up to `limit` raw messages that are due; how many were filed.

    What is for a paused mailbox waits until the mailbox is active. One bad mail does not stop the others: it is put
    off, for longer each time.
    """
    _, filed_count = _process_batch(limit=limit, now=now)
    return filed_count


def process(raw_message: RawMessage, *, now: datetime) -> bool:
    """Read and file one raw message; False if it waits (mailbox paused) or somebody else filed it."""
    (read,) = reading.read_all([raw_message])
    try:
        _file_one(read, now=now)
    except (together.NotFiled, feedback.TooEarly):
        return False
    return True


def release(
    messages: Sequence[Message], *, now: datetime, told_along: Mapping[UUID, Sequence[Happening]] | None = None
) -> None:
    """Show arrived or held messages to their agents, or withhold what came over the month's limit; count all of them,
    and record `message.received` for each.

    `told_along` by account: what the caller has to record too, since the counters of events are locked last.
    """
    by_account = [
        (account_id, list(its)) for account_id, its in groupby(sorted(messages, key=_account_id), key=_account_id)
    ]
    stored = _stored_bytes(messages)
    # First the counters: their locks say who came first, and so what is over the limit.
    over = {message.pk for _, its in by_account for message in withholding.count(its, now=now)}
    for account_id, its in by_account:
        if account_id in stored:
            quotas.count(its[0].account, LimitKind.STORAGE_BYTES, stored[account_id], now=now)
    shown = [message for message in messages if message.pk not in over]
    withheld = [message for message in messages if message.pk in over]
    if shown:
        lifecycle.advance_all(shown, Status.RELEASED, released_at=now)
        threads.show(shown)
    if withheld:
        lifecycle.advance_all(withheld, Status.RELEASED, released_at=now, withheld_at=now)
    told = {account_id: list(happenings) for account_id, happenings in (told_along or {}).items()}
    for message in messages:
        told.setdefault(message.account_id, []).append(withholding.received(message))
    for account_id in events.in_lock_order(told):
        events.record_all(account_id, told[account_id], now=now)


def _stored_bytes(messages: Sequence[Message]) -> dict[UUID, int]:
    """What the attachments of these messages have, by account. They count from now on, whether there is room or not."""
    with_files = [message.pk for message in messages if message.has_attachments]
    if not with_files:
        return {}
    files = Attachment.objects.filter(message__in=with_files).order_by()
    return dict(files.values_list("account_id").annotate(Sum("size_bytes")))


def _account_id(message: Message) -> UUID:
    return message.account_id


def _copy(recipient: str) -> storing.Copy:
    destination = destinations.find(recipient)
    return storing.Copy(recipient, destination.mailbox.pk if destination and destination.mailbox else None)


def _process_batch(*, limit: int, now: datetime) -> tuple[int, int]:
    """How many were taken, and how many of them filed."""
    began = time.monotonic()

    def filed_at() -> datetime:
        # Reading takes its time: a message is dated when it is filed, or `since=` would pass over it.
        return now + timedelta(seconds=time.monotonic() - began)

    with claims.claimed(limit=limit, now=now) as rows:
        if not rows:
            return 0, 0
        apart = rows
        try:
            readings = reading.read_all(rows)
            reports = {one.row.pk for one in readings if reading.proved_report(one, now=now) is not None}
            together.file_all([one for one in readings if one.row.pk not in reports], now=filed_at())
            apart = [row for row in rows if row.pk in reports]
        except Exception:  # at least one of them is bad: apart, the others are as good as ever
            log.exception("intake.batch_failed", count=len(rows))
        return len(rows), len(rows) - len(apart) + sum(_process_apart(row, now=filed_at()) for row in apart)


def _process_apart(row: RawMessage, *, now: datetime) -> bool:
    """Whether it was filed. If not, it goes to the back of the line."""
    is_filed = False
    try:
        is_filed = process(row, now=now)
    except Exception:
        log.exception("intake.failed", raw_message=str(row.pk), failures=row.failures_count + 1)
    if not is_filed:
        claims.put_off(row, now=now)
    return is_filed


def _file_one(read: Reading, *, now: datetime) -> None:
    """File one mail of any kind. Raises NotFiled or TooEarly."""
    try:
        report = reading.proved_report(read, now=now)
        if report is not None:
            together.apply(report, read, now=now)
        else:
            together.file_together([read], now=now)
    except DataError:
        # Text that the database refuses must not keep a mail from being listed (I28): its bytes are stored anyway.
        log.exception("intake.unstorable", raw_message=str(read.row.pk))
        together.file_together([replace(read, parsed=Parsed(defects=(Defect.UNPARSEABLE,)))], now=now)
