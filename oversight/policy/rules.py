"""The rules: pure functions from facts to a finding. Today one: the mailbox's oversight mode."""

from __future__ import annotations

from collections.abc import Callable

from mailboxes.modes import OversightMode

from .types import Facts, Finding, Outcome, Result

Rule = Callable[[Facts], Finding]

MODE_TEXTS = {
    OversightMode.READ_ONLY: "This mailbox is read_only: it does not send.",
    OversightMode.GATED_ALL: "This mailbox is gated_all: everything waits for a person.",
    OversightMode.GATED_SEND: "This mailbox is gated_send: what it sends waits for a person.",
    OversightMode.MONITORED: "This mailbox is monitored: it sends, and a person sees it.",
    OversightMode.AUTONOMOUS: "This mailbox is autonomous: it sends by itself.",
}
READ_ONLY_FIX = "Ask a human of the account to change the mailbox's oversight mode (console, or manage.py set_mode)."


def oversight_mode(facts: Facts) -> Finding:
    """What the mode that applies to this message asks for."""
    name, version = "oversight_mode", 1
    text = MODE_TEXTS[facts.mode]
    if facts.mode == OversightMode.READ_ONLY:
        return Finding(name, version, Result.MATCHED, Outcome.REFUSE, "read_only", text, READ_ONLY_FIX)
    if facts.mode in (OversightMode.GATED_ALL, OversightMode.GATED_SEND):
        return Finding(name, version, Result.MATCHED, Outcome.HOLD, str(facts.mode), text)
    return Finding(name, version, Result.CLEARED, Outcome.ALLOW, str(facts.mode), text)


RULES: tuple[Rule, ...] = (oversight_mode,)
