"""The stops that held a cleared message back: from when, of what, and until when."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from messaging.lifecycle import FINAL
from messaging.models import Message, Status
from oversight.models import DecisionKind

from .evidence import Evidence
from .sending import moment
from .steps import Actor, Kind, Step

OF = {
    "everything": "of this server",
    "account": "of the account",
    "mailbox": "of its mailbox",
    "agent": "of its agent",
    "key": "of its key",
}


def held_back(message: Message, evidence: Evidence) -> Iterator[Step]:
    """Each stop that stood between the message's clearance and its first try, and its end."""
    cleared_at = _cleared_at(message, evidence)
    if cleared_at is None:
        return
    tries = [moment(fact.said["started_at"]) for fact in evidence.of("attempt")]
    left_at = min((at for at in tries if at >= cleared_at), default=None)
    is_over = Status(message.status) in FINAL
    for fact in evidence.of("stop"):
        resumed_at = moment(fact.said["resumed_at"]) if fact.said["resumed_at"] else None
        if (left_at is not None and fact.at >= left_at) or (resumed_at is not None and resumed_at <= cleared_at):
            continue
        data = {"scope": fact.said["scope"]}
        text = f"Held back: all sending {OF.get(data['scope'], '')} was stopped"
        yield Step(max(fact.at, cleared_at), Kind.STOP, text, None, data | {"state": "stopped"})
        if resumed_at is not None and not (is_over and left_at is None):
            yield Step(resumed_at, Kind.STOP, "Sending was resumed", Actor("member", ""), data | {"state": "resumed"})


def _cleared_at(message: Message, evidence: Evidence) -> datetime | None:
    """When nothing but a stop kept it from leaving any more: the policy's word, or the newest approval."""
    approvals = [fact.at for fact in evidence.of("decision") if fact.said["kind"] == DecisionKind.APPROVE]
    if message.needs_decision:
        return approvals[-1] if approvals else None
    return message.created_at
