"""News of mail that travels upward. Fired inside the transaction."""

from __future__ import annotations

from django.dispatch import Signal

message_arrived = Signal()
"""Sent by `inbound.intake` with `message` and `now`. A receiver admits it (`intake.release`) or holds it; what nobody
admits stays invisible."""
