"""News of mail that travels upward. Fired inside the transaction."""

from __future__ import annotations

from django.dispatch import Signal

messages_arrived = Signal()
"""Sent by `inbound.together` with `messages` and `now`. A receiver admits each (`intake.release`) or holds it. What
nobody admits is not filed: it stays a raw message, invisible, and comes again."""

messages_departing = Signal()
"""Sent by `erasing` with `ids`, before anything of these messages is locked or erased. A receiver erases what it has of
them, in the same transaction: reviews are locked before recipients and messages."""
