"""Inbound asks to be shown: admitted, or held for a human."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from django.dispatch import receiver

from mailboxes import statements
from mailboxes.errors import Conflict
from mailboxes.events import Happening
from mailboxes.modes import OversightMode
from messaging import lifecycle
from messaging.inbound import filing, intake
from messaging.lifecycle import Reason
from messaging.models import Message, Status
from messaging.signals import messages_arrived

from . import reviews
from .policy.types import Outcome, Verdict

GATED_ALL = Verdict(Outcome.HOLD, "gated_all", "This mailbox is gated_all: what arrives waits for a person.", trace=())

# Of the bytes themselves, not what is noted of them.
SEAL = "SELECT encode(sha256(raw), 'hex') FROM messaging_rawmessage WHERE message_id = %(message)s"


@receiver(messages_arrived)
def on_messages_arrived(*, messages: Sequence[Message], now: datetime, **_: object) -> None:
    admit(messages, now=now)


def admit(messages: Sequence[Message], *, now: datetime) -> None:
    """Show arrived messages to their agents; hold those of gated_all mailboxes, of which no agent is told."""
    gated = [message for message in messages if message.oversight_mode == OversightMode.GATED_ALL]
    others = [message for message in messages if message.oversight_mode != OversightMode.GATED_ALL]
    intake.release(others, now=now, told_along=_hold(gated, now=now) if gated else None)


def show(message: Message, *, now: datetime) -> None:
    """Let agents see a held message from now on: it is counted, placed in its conversation and told of only now.

    Call it once the approval stands: the database asks for the decision, and for these bytes. Raises Conflict.
    """
    filing.place_anew(message, now=now)
    intake.release([message], now=now)


def turn_away(message: Message, to: Status, *, reason: Reason, now: datetime) -> None:
    """End a held message without showing it: REJECTED, EXPIRED or CANCELLED. No agent is told. Raises Conflict."""
    lifecycle.advance(message, to, now=now, reason=reason)


def seal_of(message: Message) -> str:
    """What a decision on a received message is bound to: the SHA-256 of the bytes that came."""
    rows = statements.run(SEAL, {"message": message.pk})
    if not rows:
        raise Conflict("The bytes of this message are gone.", code="seal_differs", fix="Reject it.")
    return str(rows[0][0])


def _hold(messages: Sequence[Message], *, now: datetime) -> dict[UUID, list[Happening]]:
    """Keep ARRIVED messages for a human; what is to be recorded of it, by account."""
    held = lifecycle.advance_all(messages, Status.HELD, reason=Reason(GATED_ALL.code, GATED_ALL.text))
    opened = reviews.open_all(messages, verdict=GATED_ALL, now=now)
    told: dict[UUID, list[Happening]] = {}
    for message, *happenings in zip(messages, held, opened, strict=True):
        told.setdefault(message.account_id, []).extend(happenings)
    return told
