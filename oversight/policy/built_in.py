"""What holds whatever the rules are: the mailbox's mode and floor, our own keys in the text, a loop of answers."""

from __future__ import annotations

from collections.abc import Callable

from mailboxes.modes import OversightMode

from .types import Facts, Finding, Outcome, Provenance, Result, Risk

MODE, FLOOR, OWN_KEY, BREAKER = "oversight_mode", "floor", "own_key", "thread_breaker"
MODE_TEXTS = {
    OversightMode.READ_ONLY: "This mailbox is read_only: it does not send.",
    OversightMode.GATED_ALL: "This mailbox is gated_all: everything waits for a person.",
    OversightMode.GATED_SEND: "This mailbox is gated_send: what it sends waits for a person.",
    OversightMode.MONITORED: "This mailbox is monitored: it sends, and a person sees it.",
    OversightMode.AUTONOMOUS: "This mailbox is autonomous: it sends by itself.",
}
READ_ONLY_FIX = "Ask a human of the account to change the mailbox's oversight mode (console, or manage.py set_mode)."
FLOOR_TEXT = "What a received mail, or nobody knows what, made you send waits for a person."
FLOOR_REFUSES = "What a received mail, or nobody knows what, made you send does not leave this mailbox."
FLOOR_FIX = "If a person or your schedule made you send, say so with the send."
OWN_KEY_TEXT = "The message holds a key of this server: whoever reads it could act as you."
OWN_KEY_FIX = "Cancel it, take the key out, and have the key revoked if it was shown to anybody."
BREAKER_TEXT = "This mailbox has answered very often in this conversation: two programs may be answering each other."
BREAKER_FIX = "Stop answering in this conversation until a person has looked at it."
LEAST_TRUSTED = (Provenance.INBOUND, Provenance.UNKNOWN)
VERSION = 1


def oversight_mode(facts: Facts) -> Finding:
    """What the mode that applies to this message asks for."""
    text = MODE_TEXTS[facts.mode]
    if facts.mode == OversightMode.READ_ONLY:
        return Finding(MODE, VERSION, Result.MATCHED, Outcome.REFUSE, "read_only", text, READ_ONLY_FIX)
    if facts.mode in (OversightMode.GATED_ALL, OversightMode.GATED_SEND):
        return Finding(MODE, VERSION, Result.MATCHED, Outcome.HOLD, str(facts.mode), text)
    return Finding(MODE, VERSION, Result.CLEARED, Outcome.ALLOW, str(facts.mode), text)


def floor(facts: Facts) -> Finding:
    """What the mailbox's floor asks for where no person and no schedule made the agent send."""
    if not facts.floor:
        return Finding(FLOOR, VERSION, Result.NOT_APPLICABLE, is_floor=True, detail="no floor is set")
    said = f"{facts.floor}; {facts.provenance}"
    outcome = _outcome_of_floor(facts.floor)
    if facts.provenance not in LEAST_TRUSTED or outcome is None:
        return Finding(FLOOR, VERSION, Result.NOT_MATCHED, is_floor=True, detail=said)
    text = FLOOR_REFUSES if outcome == Outcome.REFUSE else FLOOR_TEXT
    return Finding(FLOOR, VERSION, Result.MATCHED, outcome, FLOOR, text, FLOOR_FIX, detail=said, is_floor=True)


def own_key(facts: Facts) -> Finding:
    """A key of ours in the text waits for a person, whatever the mode."""
    if facts.secrets is None or facts.is_platform_mail:
        return Finding(OWN_KEY, VERSION, Result.NOT_APPLICABLE)
    places = [secret.where for secret in facts.secrets if secret.kind == "own_key"]
    if not places:
        return Finding(OWN_KEY, VERSION, Result.NOT_MATCHED)
    said = ", ".join(dict.fromkeys(places))
    return Finding(
        OWN_KEY, VERSION, Result.MATCHED, Outcome.HOLD, OWN_KEY, OWN_KEY_TEXT, OWN_KEY_FIX, said, risk=Risk.HIGH
    )


def thread_breaker(facts: Facts) -> Finding:
    """An answer more than a conversation may have within an hour waits for a person: no two programs talk for ever."""
    if facts.thread_sends_hour is None or not facts.thread_sends_most:
        return Finding(BREAKER, VERSION, Result.NOT_APPLICABLE)
    said = f"{facts.thread_sends_hour} within an hour"
    if facts.thread_sends_hour <= facts.thread_sends_most:
        return Finding(BREAKER, VERSION, Result.NOT_MATCHED, detail=said)
    return Finding(BREAKER, VERSION, Result.MATCHED, Outcome.HOLD, BREAKER, BREAKER_TEXT, BREAKER_FIX, said)


def _outcome_of_floor(name: str) -> Outcome | None:
    """None where the floor is a mode that sends by itself. A name that we do not know holds: it was meant to stop."""
    if name == OversightMode.READ_ONLY:
        return Outcome.REFUSE
    is_free = name in (OversightMode.MONITORED, OversightMode.AUTONOMOUS)
    return None if is_free else Outcome.HOLD


BUILT_IN: tuple[Callable[[Facts], Finding], ...] = (oversight_mode, floor, own_key, thread_breaker)
NAMES = frozenset({MODE, FLOOR, OWN_KEY, BREAKER})
