"""The steps of a message that came in: arrived, checked, filed, shown, told."""

from __future__ import annotations

from collections.abc import Iterator

from messaging.models import Message

from .evidence import Evidence
from .sending import event_id, trigger
from .steps import Actor, Kind, Step

HELD_BACK = "Announced, and withheld: it came over the month's limit"


def arrived(message: Message, evidence: Evidence, *, environment: str) -> Iterator[Step]:
    """How it came in, and what it answers."""
    if message.received_at is None:  # taken in before arrivals were noted
        return
    data = {
        "environment": environment,
        "files": [dict(fact.said) for fact in evidence.of("file")],
        "filesDropped": message.attachments_dropped or None,
        "isAutomatic": message.is_automatic,
    }
    yield Step(message.received_at, Kind.ARRIVED, "Arrived", Actor("sender", message.from_address), data)


def filed(message: Message, evidence: Evidence) -> Iterator[Step]:
    """Who vouches for the sender, and where it was put."""
    checks, held = message.sender_checks, evidence.events("message.held")
    filed_at = held[0].at if held else message.created_at  # which is when it was shown
    if checks:
        signatures = [{"domain": one["domain"] or None, "result": one["result"]} for one in checks["dkim"]]
        data = {
            "spf": checks["spf"],
            "spfDomain": checks["spf_domain"] or None,
            "dkim": signatures,
            "dmarc": checks["dmarc"],
            "isAuthenticated": checks["is_authenticated"],
        }
        yield Step(filed_at, Kind.CHECKS, _verdicts(data), data=data)
    thread = {"threadId": str(message.thread_id) if message.thread_id else None}
    text = "Filed into its thread" if message.thread_id else "Filed"
    facts = thread | {"senderIsNewToThread": message.sender_new_to_thread}
    yield Step(filed_at, Kind.FILED, text, data=facts)
    yield from trigger(message, evidence)


def shown(message: Message, evidence: Evidence) -> Iterator[Step]:
    """When its agent could read it, and what the log told of it."""
    announced = evidence.events("message.received")
    was_withheld = any(fact.said["data"].get("over_limit") for fact in announced)
    if message.released_at is not None:
        text = HELD_BACK if was_withheld else "Shown to the agent"
        yield Step(message.released_at, Kind.RELEASED, text, data={"isWithheld": was_withheld})
    for fact in announced:
        data = {"event": "message.received", **event_id(fact)}
        yield Step(fact.at, Kind.TOLD, "Noted for streams and webhooks", None, data, fact.number)
    for fact in evidence.events("message.unlocked"):
        text = "Unlocked: it had come over the month's limit"
        yield Step(fact.at, Kind.UNLOCKED, text, None, event_id(fact), fact.number)


def _verdicts(data: dict[str, object]) -> str:
    signatures = data["dkim"]
    assert isinstance(signatures, list)
    dkim = ", ".join(f"{one['result']} ({one['domain']})" if one["domain"] else one["result"] for one in signatures)
    return f"Sender checked: SPF {data['spf']}, DKIM {dkim or 'none'}, DMARC {data['dmarc']}"
