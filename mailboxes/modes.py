"""Oversight modes of a mailbox, from strict to free."""

from __future__ import annotations

from enum import StrEnum


class OversightMode(StrEnum):
    """How far a mailbox may act alone.

    READ_ONLY sends nothing. GATED_ALL holds what leaves and what arrives. GATED_SEND holds what leaves. MONITORED sends
    and shows every send to a human, without waiting for one. AUTONOMOUS sends; nobody is promised to look.
    """

    READ_ONLY = "read_only"
    GATED_ALL = "gated_all"
    GATED_SEND = "gated_send"
    MONITORED = "monitored"
    AUTONOMOUS = "autonomous"

    @property
    def strictness(self) -> int:
        """Higher is stricter: READ_ONLY 4 … AUTONOMOUS 0."""
        return len(OversightMode) - 1 - list(OversightMode).index(self)


def stricter(one: OversightMode, other: OversightMode) -> OversightMode:
    """The stricter of two modes: a request may tighten a mailbox's mode, never loosen it."""
    return one if one.strictness >= other.strictness else other
