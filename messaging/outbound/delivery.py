"""One attempt at one recipient: checked again at the wire, signed, handed over, and what came of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import structlog
from django.db import connection

from mailboxes import domains
from mailboxes.models import Environment, MailboxStatus
from mailboxes.modes import OversightMode
from messaging import return_paths
from messaging.faultpoints import faultpoint
from messaging.mime import dkim_signature
from messaging.mime.addresses import suppression_key
from messaging.mime.refusals import WireDefect
from messaging.mime.types import Envelope
from messaging.mime.wire import check_wire
from messaging.models import Attempt, Message, Revision, Status
from messaging.recipients import suppressions

from . import drafts
from .outcomes import LEASE, Outcome, OutcomeKind
from .transports.base import OutcomeUnknown, PermanentFailure, SendResult, TransientFailure
from .transports.registry import Consignment, choose
from .transports.registry import problems as transport_problems

__all__ = ["attempt", "load", "mark", "preflight", "transport_problems"]

log = structlog.get_logger(__name__)

# FOR SHARE on the account: a stop that has committed is seen, one that commits later finds this body on its way.
MARK = """
WITH open_account AS (
    SELECT a.id
    FROM mailboxes_account a JOIN mailboxes_mailbox b ON b.account_id = a.id
    WHERE b.id = %(mailbox)s
        AND a.stopped_at IS NULL AND a.suspended_at IS NULL
        AND b.status = 'ACTIVE' AND b.mode <> 'read_only' AND b.deleted_at IS NULL
    FOR SHARE OF a
)
UPDATE messaging_attempt t
SET phase = 'data', data_at = clock_timestamp(), lease_until = clock_timestamp() + make_interval(secs => %(lease)s)
FROM open_account
WHERE t.id = %(attempt)s AND t.phase = 'started'
    AND NOT EXISTS (
        SELECT 1 FROM messaging_suppression s WHERE s.account_id = open_account.id AND s.key = %(suppression_key)s
    )
"""


class _Halt(Exception):
    """The attempt ends before its body: with this outcome."""

    def __init__(self, kind: OutcomeKind, code: str, text: str) -> None:
        super().__init__(code)
        self.outcome = Outcome(kind, code, text)


@dataclass(slots=True)
class _Progress:
    has_body_begun: bool = False


def load(attempts: list[Attempt]) -> list[Attempt]:
    """The same attempts, in order, with all that `attempt` looks at but the bytes, in a few queries."""
    loaded = (
        Attempt.objects.select_related(
            "recipient__message__mailbox__domain", "recipient__message__account", "recipient__message__key"
        )
        .prefetch_related("recipient__message__recipients", "recipient__message__mailbox__domain__dkim_keys")
        .defer("recipient__message__body_text", "recipient__message__body_html")
        .in_bulk([attempt.pk for attempt in attempts])
    )
    return [loaded[attempt.pk] for attempt in attempts]


def attempt(attempt: Attempt, *, now: datetime) -> Outcome:
    """Try once to hand the mail to the next hop. Records the mark only; give the outcome to `outcomes.record`."""
    progress = _Progress()

    def on_data() -> None:
        mark(attempt)
        progress.has_body_begun = True

    try:
        result = _send(attempt, on_data=on_data, now=now)
    except _Halt as halt:
        return halt.outcome
    except TransientFailure as failure:
        return Outcome(OutcomeKind.DEFERRED, failure.code, failure.text)
    except PermanentFailure as failure:
        return Outcome(OutcomeKind.FAILED, failure.code, failure.text)
    except OutcomeUnknown as failure:
        return Outcome(OutcomeKind.UNKNOWN, failure.code, failure.text)
    except Exception:
        # A defect of ours must not stop the outbox, and must not become a guess.
        log.exception("delivery.defect", attempt=str(attempt.pk))
        kind = OutcomeKind.UNKNOWN if progress.has_body_begun else OutcomeKind.DEFERRED
        return Outcome(kind, "internal_error", "Something went wrong in this server; its log says more.")
    return Outcome(OutcomeKind.SENT, result.code, result.text, result.afterwards)


def preflight(attempt: Attempt) -> bytes:
    """The sealed bytes, when they may still leave. Raises _Halt with the outcome otherwise."""
    message = attempt.recipient.message
    _check_standing(attempt)
    if attempt.version != message.current_version or message.status != Status.SENDING:
        raise _Halt(OutcomeKind.WITHDRAWN, "superseded", "The message was changed after it was claimed.")
    (revision,) = Revision.objects.filter(message=message, version=attempt.version)
    raw = bytes(revision.raw)
    if drafts.seal_of(message, raw) != revision.seal:
        raise _Halt(OutcomeKind.FAILED, "seal_differs", "The message is not the one that was cleared; it was not sent.")
    try:
        check_wire(raw)
    except WireDefect as defect:
        raise _Halt(OutcomeKind.FAILED, "wire_defect", f"The message can't go on the wire: {defect}") from defect
    return raw


def mark(attempt: Attempt) -> None:
    """Make "bytes may have left" durable. Raises _Halt when they may not: stopped, suppressed, or taken over."""
    message = attempt.recipient.message
    faultpoint("smtp.before_data_mark")
    with connection.cursor() as cursor:
        cursor.execute(
            MARK,
            {
                "mailbox": message.mailbox_id,
                "attempt": attempt.pk,
                "lease": LEASE.total_seconds(),
                "suppression_key": suppression_key(attempt.recipient.address),
            },
        )
        is_marked = cursor.rowcount == 1
    if not is_marked:
        _check_standing(load([attempt])[0])
        raise _Halt(OutcomeKind.WITHDRAWN, "superseded", "Another worker has taken this recipient over.")
    faultpoint("smtp.after_data_mark")


def _send(attempt: Attempt, *, on_data: Callable[[], None], now: datetime) -> SendResult:
    recipient = attempt.recipient
    raw = _signed(recipient.message, preflight(attempt))
    domain = recipient.message.mailbox.domain.name
    envelope = Envelope(
        sender=return_paths.return_path_of(recipient.pk, domain=domain, now=now), recipients=(recipient.address,)
    )
    return choose(_consignment(attempt)).send(envelope, raw, on_data=on_data)


def _check_standing(attempt: Attempt) -> None:
    """The mailbox may send at this moment, and to this address."""
    message = attempt.recipient.message
    account, mailbox = message.account, message.mailbox
    if account.stopped_at is not None or account.suspended_at is not None:
        raise _Halt(OutcomeKind.WITHDRAWN, "stopped", "Sending was stopped before the message left.")
    is_open = mailbox.status == MailboxStatus.ACTIVE and mailbox.deleted_at is None
    if not is_open or mailbox.mode == OversightMode.READ_ONLY:
        raise _Halt(OutcomeKind.WITHDRAWN, "mailbox_closed", "The mailbox was closed before the message left.")
    found = suppressions.find(message.account_id, [attempt.recipient.address])
    if found:
        text = f"The address is on the suppression list ({found[0].reason}); nothing was sent."
        raise _Halt(OutcomeKind.FAILED, "suppressed", text)


def _signed(message: Message, raw: bytes) -> bytes:
    domain = message.mailbox.domain
    key = domains.signing_key(domain)
    if key is None:
        raise TransientFailure("no_dkim_key", f"{domain.name} has no active DKIM key; unsigned mail is not sent.")
    selector, private_key = key
    return dkim_signature.sign(raw, domain=domain.name, selector=selector, private_key=private_key) + raw


def _consignment(attempt: Attempt) -> Consignment:
    recipient, key = attempt.recipient, attempt.recipient.message.key
    is_test = key is not None and key.environment == Environment.TEST
    return Consignment(recipient.pk, recipient.address, attempt.number, is_test)
