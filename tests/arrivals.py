"""Received mail for tests, taken in and filed by the real verbs."""

from __future__ import annotations

from mailboxes import clock
from mailboxes.models import LimitKind, Mailbox
from messaging.inbound import intake
from messaging.mime.types import Envelope
from messaging.models import Message, RawMessage

from . import builders
from .letters import letter


def receive(raw: bytes, recipient: str, *, sender: str = "kim@friends.example") -> RawMessage:
    """A raw message, stored and not yet read."""
    return intake.receive(raw, envelope=Envelope(sender, (recipient,)), via=intake.Via("smtp"), now=clock.now())


def arrive(box: Mailbox, raw: bytes | None = None, *, sender: str = "kim@friends.example") -> Message:
    """A message received by the mailbox, read and shown."""
    row = receive(letter(to=box.full_address) if raw is None else raw, box.full_address, sender=sender)
    assert intake.process(row, now=clock.now())
    return Message.objects.get(raw_message=row)


def withheld(box: Mailbox, raw: bytes | None = None) -> Message:
    """A message that came over the month's limit of an account with no other mail: its second, where one is allowed."""
    builders.limit(box.account, LimitKind.MONTHLY_INBOUND, 1)
    arrive(box)
    return arrive(box, raw or letter(to=box.full_address, subject="One too many"))
