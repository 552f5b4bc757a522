"""Inbound asks to be shown: admitted, or held for a human."""

from __future__ import annotations

from datetime import datetime

from django.dispatch import receiver

from messaging.inbound import intake
from messaging.models import Message
from messaging.signals import message_arrived


@receiver(message_arrived)
def on_message_arrived(*, message: Message, now: datetime, **_: object) -> None:
    admit(message, now=now)


def admit(message: Message, *, now: datetime) -> None:
    """Show an arrived message to its agent. Every mode that can be set today admits; gated_all can't be set yet."""
    intake.release(message, now=now)
