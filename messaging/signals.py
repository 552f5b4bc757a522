"""News of mail that travels upward. Fired inside the transaction."""

from __future__ import annotations

from django.dispatch import Signal

messages_arrived = Signal()
"""Sent by `inbound.together` with `messages` and `now`. A receiver admits each (`intake.release`) or holds it. What
nobody admits is not filed: it stays a raw message, invisible, and comes again."""
