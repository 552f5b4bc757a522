"""News that travels upward. Fired inside the transaction: a receiver that raises undoes the act."""

from __future__ import annotations

from django.dispatch import Signal

event_recorded = Signal()
"""Sent by `events.record` with `event`. Receivers may write rows and plan work for after the commit; no network."""
