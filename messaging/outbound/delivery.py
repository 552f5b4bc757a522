"""One attempt at one recipient: checked again at the wire, signed, handed over, and what came of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import structlog
from django.db import InterfaceError, OperationalError

from mailboxes import dkim_keys
from messaging import return_paths
from messaging.mime import dkim_signature, seal
from messaging.mime.refusals import WireDefect
from messaging.mime.types import Envelope
from messaging.mime.wire import check_wire

from . import alignment, marks, standing
from .answers import Answers
from .mail import Mail, load
from .outcomes import DATABASE_LOST, Halt, Outcome, OutcomeKind
from .transports.base import OutcomeUnknown, PermanentFailure, SendResult, TransientFailure
from .transports.registry import Consignment, choose
from .transports.registry import problems as transport_problems

__all__ = ["attempt", "load", "look", "mark", "preflight", "transport_problems"]

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class _Progress:
    has_body_begun: bool = False


def attempt(mail: Mail, *, now: datetime, answers: Answers | None = None) -> Outcome:
    """Try once to hand the mail to the next hop. Records the mark only, and notes `answers` with it; give the outcome
    to `outcomes.record`.
    """
    progress = _Progress()
    kept = answers or Answers()

    def on_data() -> None:
        mark(mail, answers=kept)
        progress.has_body_begun = True

    try:
        result = _send(mail, look=lambda: look(mail, answers=kept), on_data=on_data, now=now)
    except Halt as halt:
        return halt.outcome
    except TransientFailure as failure:
        return Outcome(OutcomeKind.DEFERRED, failure.code, failure.text)
    except PermanentFailure as failure:
        return Outcome(OutcomeKind.FAILED, failure.code, failure.text)
    except OutcomeUnknown as failure:
        return Outcome(OutcomeKind.UNKNOWN, failure.code, failure.text)
    except Exception as error:
        return _of_defect(mail, error, has_body_begun=progress.has_body_begun)
    return Outcome(OutcomeKind.SENT, result.code, result.text, result.afterwards)


def preflight(mail: Mail) -> bytes:
    """The sealed bytes, when they may still leave. Raises Halt with the outcome otherwise."""
    standing.check(mail)
    if not mail.standing.is_current:
        raise Halt(OutcomeKind.WITHDRAWN, "superseded", "The message was changed after it was claimed.")
    raw = mail.raw
    if seal.seal(header_from=mail.header_from, recipients=mail.recipients, send_at=None, raw=raw) != mail.seal:
        raise Halt(OutcomeKind.FAILED, "seal_differs", "The message is not the one that was cleared; it was not sent.")
    if not alignment.is_aligned(mail):
        text = f"{mail.header_from} is not of {mail.domain}, which would sign for it; it was not sent."
        raise Halt(OutcomeKind.FAILED, "not_aligned", text)
    try:
        check_wire(raw)
    except WireDefect as defect:
        raise Halt(OutcomeKind.FAILED, "wire_defect", f"The message can't go on the wire: {defect}") from defect
    return raw


def look(mail: Mail, *, answers: Answers) -> None:
    """Before anything is said to the next hop. Raises Halt when somebody stopped the mail since it was loaded."""
    if answers.lookout.look() != mail.standing.generation:
        standing.check(load([mail])[0])


def mark(mail: Mail, *, answers: Answers | None = None) -> None:
    """Make "bytes may have left" durable. Raises Halt when they may not."""
    marks.mark(mail, answers=answers or Answers())


def _send(mail: Mail, *, look: Callable[[], None], on_data: Callable[[], None], now: datetime) -> SendResult:
    raw = _signed(mail, preflight(mail))
    sender = return_paths.return_path_of(mail.recipient_id, domain=mail.returns_to, now=now)
    envelope = Envelope(sender=sender, recipients=(mail.address,))
    consignment = Consignment(mail.recipient_id, mail.address, mail.number, mail.is_test)
    return choose(consignment).send(envelope, raw, look=look, on_data=on_data)


def _signed(mail: Mail, raw: bytes) -> bytes:
    if not mail.sealed_keys:
        raise TransientFailure("no_dkim_key", f"{mail.domain} has no active DKIM key; unsigned mail is not sent.")
    keys = [(selector, dkim_keys.open_key(sealed)) for selector, sealed in mail.sealed_keys]
    return dkim_signature.sign_all(raw, domain=mail.domain, keys=keys) + raw


def _of_defect(mail: Mail, error: Exception, *, has_body_begun: bool) -> Outcome:
    """A defect of ours must not stop the outbox, and must not become a guess."""
    if isinstance(error, OperationalError | InterfaceError) and not has_body_begun:
        log.warning("delivery.database_lost", attempt=str(mail.pk), error=str(error))
        return DATABASE_LOST
    log.error("delivery.defect", attempt=str(mail.pk), exc_info=error)
    kind = OutcomeKind.UNKNOWN if has_body_begun else OutcomeKind.DEFERRED
    return Outcome(kind, "internal_error", "Something went wrong in this server; its log says more.")
