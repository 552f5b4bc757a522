"""The kinds of events that agents may be told: what each says, and what it does not promise."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of event by its name on the wire."""

    name: str
    says: str
    promises_not: str


# The five of the contract (section 9), which a stream without a filter gives.
CONTRACT = ("message.received", "message.sent", "message.delivered", "message.bounced", "message.complaint")
KINDS = {
    kind.name: kind
    for kind in (
        Kind("message.received", "A mail arrived and may be read.", "That its sender is who the From line says."),
        Kind("message.sent", "The next mail server took the message.", "That it was delivered."),
        Kind("message.delivered", "A recipient's server confirmed that it took the mail.", "That anybody read it."),
        Kind("message.bounced", "A recipient's server gave the mail back for good.", "That the address never works."),
        Kind("message.complaint", "A recipient reported the mail as spam.", "That other copies were not welcome."),
    )
}
