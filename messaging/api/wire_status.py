"""The contract's one word for a message, from its state and its recipients' (architecture.md, section 3)."""

from __future__ import annotations

from collections.abc import Collection

from messaging.models import RecipientState, Status

WIRE_STATUSES = ["QUEUED", "SENT", "DELIVERED", "BOUNCED", "COMPLAINED", "FAILED", "RECEIVED"]

WAITING = (
    Status.ACCEPTED,
    Status.QUEUED,
    Status.HELD,
    Status.SCHEDULED,
    Status.RETURNED,
    Status.SENDING,
    Status.UNKNOWN,
)
ENDED = (Status.REJECTED, Status.EXPIRED, Status.CANCELLED, Status.FAILED, Status.REFUSED)
RECEIVED = (Status.ARRIVED, Status.RELEASED)

WORDS: dict[str, str] = {
    **dict.fromkeys(WAITING, "QUEUED"),
    **dict.fromkeys(ENDED, "FAILED"),
    **dict.fromkeys(RECEIVED, "RECEIVED"),
    Status.SENT: "SENT",
}


def wire_status(state: str, recipients: Collection[str]) -> str:
    """QUEUED, SENT, DELIVERED, BOUNCED, COMPLAINED, FAILED or RECEIVED.

    Of a sent message the gravest that any recipient came to; DELIVERED only when all of them were.
    """
    if state != Status.SENT:
        return WORDS[state]
    if RecipientState.COMPLAINED in recipients:
        return "COMPLAINED"
    if RecipientState.BOUNCED in recipients:
        return "BOUNCED"
    return "DELIVERED" if set(recipients) == {RecipientState.DELIVERED} else "SENT"
