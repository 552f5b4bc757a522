"""What has happened at Juniper Lane since this morning, told through the same verbs as everything else."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime

from config.demo_letters import (
    ANSWER,
    CUSTOMER,
    CUSTOMER_BODY,
    CUSTOMER_SUBJECT,
    DISCOUNT,
    ORDER,
    QUOTE,
    REMINDER,
    WHY_NOT,
    Letter,
)
from mailboxes.models import Mailbox, Member
from mailboxes.principals import Principal, of_member
from messaging.inbound import intake
from messaging.inbound.intake import Via
from messaging.mime.types import Draft, Envelope
from messaging.models import Message, RawMessage
from oversight import decisions, submission
from oversight.decisions import Reviewer
from oversight.models import Door, Review

FILED_WITHIN = 20.0


@dataclass(frozen=True, slots=True)
class Cast:
    """Who takes part: Rhea, Juno with a key, and the mailbox Juno writes from."""

    reviewer: Member
    juno: Principal
    mailbox: Mailbox


def tell(cast: Cast, *, now: datetime) -> None:
    """One mail rejected, one received and answered, and three more that wait. Nothing leaves."""
    discount = _ask(cast, DISCOUNT, now=now - timedelta(hours=5))
    _reject(cast, discount, now=now - timedelta(hours=4, minutes=48))
    question = _receive(cast, now=now - timedelta(hours=3))
    _ask(cast, ANSWER, answering=question, now=now - timedelta(hours=2, minutes=57))
    _ask(cast, QUOTE, now=now - timedelta(minutes=94))
    _ask(cast, ORDER, now=now - timedelta(minutes=41))
    _ask(cast, REMINDER, now=now - timedelta(minutes=6))


def _ask(cast: Cast, letter: Letter, *, answering: Message | None = None, now: datetime) -> Message:
    draft = Draft(
        mailbox_id=cast.mailbox.pk,
        to=(letter.to,),
        subject=letter.subject,
        body_text=letter.body_text,
        body_html=letter.body_html,
        in_reply_to=answering.message_id if answering else None,
        metadata=letter.metadata,
    )
    return submission.submit(draft, actor=cast.juno, now=now)


def _reject(cast: Cast, message: Message, *, now: datetime) -> None:
    rhea = Reviewer(of_member(cast.reviewer), Door.CONSOLE)
    review = Review.objects.get(message=message)
    decisions.reject(review, reviewer=rhea, version=1, reason="not_needed", note=WHY_NOT, now=now)


def _receive(cast: Cast, *, now: datetime) -> Message:
    envelope = Envelope(sender=CUSTOMER, recipients=(cast.mailbox.full_address,))
    row = intake.receive(_question(cast, now=now), envelope=envelope, via=Via("demo"), now=now)
    intake.process(row, now=now)
    return _filed(row)


def _filed(row: RawMessage) -> Message:
    """The message made of it: by us, or by a worker that was faster."""
    until = time.monotonic() + FILED_WITHIN
    while time.monotonic() < until:
        row.refresh_from_db(fields=["message"])
        if row.message is not None:
            return row.message
        time.sleep(0.1)
    raise TimeoutError("The demo's first mail was stored but nobody filed it; the worker's log says why.")


def _question(cast: Cast, *, now: datetime) -> bytes:
    mail = EmailMessage(policy=SMTP)
    mail["From"] = f"Mara Lindqvist <{CUSTOMER}>"
    mail["To"] = f"Juniper Lane <{cast.mailbox.full_address}>"
    mail["Subject"] = CUSTOMER_SUBJECT
    mail["Date"] = format_datetime(now)
    mail["Message-ID"] = f"<{cast.mailbox.pk.hex}.4187@fjordmail.example>"
    mail.set_content(CUSTOMER_BODY)
    return mail.as_bytes()
