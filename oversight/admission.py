"""Inbound asks to be shown: admitted, or held for a human."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django.dispatch import receiver

from messaging.inbound import intake
from messaging.models import Message
from messaging.signals import messages_arrived


@receiver(messages_arrived)
def on_messages_arrived(*, messages: Sequence[Message], now: datetime, **_: object) -> None:
    admit(messages, now=now)


def admit(messages: Sequence[Message], *, now: datetime) -> None:
    """Show arrived messages to their agents. Every mode that can be set today admits; gated_all can't be set yet."""
    intake.release(messages, now=now)
