"""The rungs of the trust ladder: gated_all, gated_send, monitored, autonomous. read_only stands beside it."""

from __future__ import annotations

from mailboxes.modes import OversightMode

RUNGS = (OversightMode.GATED_ALL, OversightMode.GATED_SEND, OversightMode.MONITORED, OversightMode.AUTONOMOUS)


def above(mode: OversightMode) -> OversightMode | None:
    """The next freer mode; None at the top, and for read_only, which people alone begin and end."""
    if mode not in RUNGS or mode == RUNGS[-1]:
        return None
    return RUNGS[RUNGS.index(mode) + 1]


def below(mode: OversightMode, *, lowest: OversightMode) -> OversightMode | None:
    """The next stricter mode, down to `lowest`; None where the mode is as strict as that already."""
    return RUNGS[RUNGS.index(mode) - 1] if mode in RUNGS and is_freer(mode, lowest) else None


def is_freer(mode: OversightMode, other: OversightMode) -> bool:
    return mode.strictness < other.strictness
