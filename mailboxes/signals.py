"""News that travels upward. Fired inside the transaction: a receiver that raises undoes the act."""

from __future__ import annotations

from django.dispatch import Signal

event_recorded = Signal()
"""Sent by `events.record` with `event`. Receivers may write rows and plan work for after the commit; no network."""

account_departing = Signal()
"""Sent by `departure.depart` with `account` and `now`, before the last event. A receiver notes what somebody outside
must be told (a subscription that ends) in a table of its own, without personal data: the account's rows go."""

mailboxes_erased = Signal()
"""Sent by `erasure` with `mailboxes`, the last time that somebody knows their addresses."""
