"""The steps of a message that was asked to leave: who asked, what was decided, what every try came to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from messaging.lifecycle import FINAL
from messaging.models import Message, RecipientState, Status
from oversight import decisions
from oversight.models import DecisionKind, Door

from .evidence import Evidence, Fact, named
from .steps import Actor, Kind, Step

POLICY = Actor("policy", "the policy")
KEY_REVOKED = "key_revoked"
JUDGED = {"hold": "Held for a person", "refuse": "Refused"}
DECIDED = {
    DecisionKind.APPROVE: ("approved", "Approved"),
    DecisionKind.REJECT: ("rejected", "Rejected"),
    DecisionKind.EDIT: ("edited", "Edited"),
    DecisionKind.REQUEST_CHANGES: ("returned", "Given back to be changed"),
    DecisionKind.UNDO: ("undone", "Approval taken back"),
}
BY_ONE = "; it waits for another person"
# By the next mail server's answer, and by ourselves before there was one: our codes are words, its codes are numbers.
TRIED = {
    "sent": "Taken by the mail server for {to}",
    "deferred": "Put off by the mail server for {to}",
    "failed": "Refused by the mail server for {to}",
    "unknown": "The answer was lost; it may have left for {to}",
    "withdrawn": "Not tried after all for {to}",
}
TRIED_BY_US = TRIED | {"deferred": "Put off for {to}", "failed": "Not sent to {to}"}
STALE = {
    "stopped": "all sending was stopped before it left",
    "suppressed_recipient": "a recipient must not be written to any more",
    "stale_thread": "new mail has come into the conversation since it was approved",
    "policy_stricter": "the rules ask for more than when it was approved",
}
ENDED = {
    "message.sent": "Sent: the next mail server has it",
    "message.failed": "Failed: nobody took it",
    "message.unknown": "Whether it left is unknown; it is never sent again by itself",
}
# What a person did with a recipient that had been given up.
TAKEN_UP = {
    "message.requeued": "A person has it tried again for {to}",
    "message.dropped": "A person gave it up for {to}",
}


def asked(message: Message, evidence: Evidence, *, environment: str) -> Iterator[Step]:
    """Who asked for it, and what it answers."""
    author = _author(message)
    files = [dict(fact.said) for fact in evidence.of("file")]
    data = {
        "door": "console" if message.member_id else "api" if message.agent_id else "platform",
        "keyPrefix": message.key.prefix if message.key else None,
        "keyName": (message.key.name or None) if message.key else None,
        "environment": environment,
        "recipientCount": len(evidence.of("recipient")),
        "files": files,
        "provenance": message.provenance or "unknown",
        "triggerId": str(message.trigger_id) if message.trigger_id else None,
    }
    yield Step(message.created_at, Kind.INTENT, "Asked to send", author, data)
    yield from trigger(message, evidence)


def trigger(message: Message, evidence: Evidence) -> Iterator[Step]:
    """The message that this one answers, where it is here and may be known."""
    by_name = {fact.said["message_id"]: fact.said for fact in evidence.of("answered")}
    nearest = next((by_name[name] for name in named(message) if name in by_name), None)
    if nearest is None:
        return
    is_own = nearest["direction"] == "OUTBOUND"
    text = "Answers a message of this mailbox" if is_own else "Answers a mail that came in"
    data = {"messageId": nearest["id"], "direction": nearest["direction"], "createdAt": moment(nearest["at"])}
    yield Step(message.created_at, Kind.TRIGGER, text, data=data)


def lost_key(message: Message, evidence: Evidence) -> Iterator[Step]:
    """That the key was revoked that had asked for it, where that concerns what had not left by then."""
    key = message.key
    if key is None or key.revoked_at is None:
        return
    is_held_for_it = any(fact.said["code"] == KEY_REVOKED for fact in evidence.of("review"))
    if is_held_for_it or Status(message.status) not in FINAL or message.status == Status.CANCELLED:
        yield Step(key.revoked_at, Kind.KEY, "The key that asked for it was revoked", data={"keyPrefix": key.prefix})


def judged(message: Message, evidence: Evidence, *, is_member: bool) -> Iterator[Step]:
    """What the policy answered, and the review that it opened.

    An agent is told the rule that decided, as its review tells it, and not what else the policy looks at; of a rule of
    the account not even its name, which may say where its threshold is.
    """
    reviewed_for = next((fact.said["text"] for fact in evidence.of("review")), "")
    for fact in evidence.of("evaluation"):
        said, trace = fact.said, fact.said["trace"]
        deciding = next((line for line in trace if _decides(line, said)), None)
        reason = deciding["text"] if deciding else reviewed_for
        cleared = f"Cleared without a person ({said['mode'] or message.oversight_mode})"
        text = f"{JUDGED[said['outcome']]}: {reason}" if said["outcome"] in JUDGED else cleared
        data = {
            "outcome": said["outcome"],
            "code": said["code"],
            "text": reason,
            "mode": said["mode"] or message.oversight_mode,
            "trace": [_finding(line, is_member=is_member) for line in trace if is_member or line is deciding],
        }
        yield Step(fact.at, Kind.VERDICT, text, POLICY, data)
    for fact in evidence.of("review"):
        said = fact.said
        reasons = {"code": said["code"], "text": said["text"]}
        data = {"reviewId": said["id"], "action": "opened", "reason": reasons, "expiresAt": moment(said["expires_at"])}
        yield Step(fact.at, Kind.REVIEW, "A review waits for a person", POLICY, data)


def decided(evidence: Evidence, *, is_member: bool) -> Iterator[Step]:
    """What people decided. An agent reads the note of the decision that stands, as on the review."""
    partial = {fact.said["data"].get("decision_id") for fact in evidence.events("review.approved_by_one")}
    for fact in evidence.of("decision"):
        said = fact.said
        action, text = DECIDED[DecisionKind(said["kind"])]
        text += BY_ONE if said["id"] in partial else ""
        reason = decisions.REJECT_REASONS.get(said["reason"], said["reason"])
        note = said["note"] if is_member or said["is_newest"] else ""
        fields = said["fields"] or []
        text += f": {', '.join(fields)}" if fields else ""
        text += (f": {reason}" if reason else "") + (f" (“{note}”)" if note else "")
        data = {
            "reviewId": said["review_id"],
            "action": action,
            "version": fact.number,
            "reason": {"code": said["reason"], "text": reason} if reason else None,
            "note": note or None,
            "door": said["door"],
            **({"fields": fields} if fields else {}),
        }
        through = ", through the API" if said["door"] == Door.API else ""
        yield Step(fact.at, Kind.REVIEW, text + through, Actor("member", said["name"]), data, fact.number)


def reopened(evidence: Evidence) -> Iterator[Step]:
    """Each time that its release found what was approved to be stale."""
    for fact in evidence.events("review.reopened"):
        said = fact.said["data"]
        data = {"reviewId": said["review_id"], "action": "reopened", "reason": said["reason"], **event_id(fact)}
        yield Step(fact.at, Kind.REVIEW, f"Waits again: {STALE.get(said['reason'], 'the policy')}", POLICY, data)


def resubmitted(evidence: Evidence) -> Iterator[Step]:
    """Each time that its author sent it again in another form."""
    for fact in evidence.events("message.held"):
        revision = fact.said["data"].get("revision")
        if revision:
            data = {"revision": revision, **event_id(fact)}
            yield Step(fact.at, Kind.INTENT, f"Sent again, changed: revision {revision}", None, data, fact.number)


def tried(evidence: Evidence) -> Iterator[Step]:
    """Each try for each recipient, with the answer as it was given."""
    recipients = evidence.recipients()
    for fact in evidence.of("attempt"):
        yield _attempt(fact, recipients[fact.said["recipient_id"]])


def ended(message: Message, evidence: Evidence) -> Iterator[Step]:
    """How it ended, where no try, decision or report says so."""
    taken = [fact.at for fact in evidence.of("attempt") if fact.said["outcome"] == "sent"]
    for fact in evidence.events(*ENDED):
        kind = fact.said["kind"]
        if kind == "message.sent" and any(at <= fact.at for at in taken):
            continue
        data = {"state": kind.removeprefix("message."), "code": fact.said["data"].get("reason"), **event_id(fact)}
        yield Step(fact.at, Kind.OUTCOME, ENDED[kind], None, data, fact.number)
    recipients = evidence.recipients()
    for fact in evidence.events(*TAKEN_UP):
        to = recipients.get(str(fact.said["data"].get("recipient_id")), {}).get("address")
        text = TAKEN_UP[fact.said["kind"]].format(to=to or "one of its recipients")
        data = {"state": fact.said["kind"].removeprefix("message."), "recipient": to, **event_id(fact)}
        yield Step(fact.at, Kind.OUTCOME, text, Actor("member", ""), data, fact.number)
    for fact in evidence.events("message.cancelled"):
        by = _canceller(message, str(fact.said["data"].get("by", "")))
        yield Step(fact.at, Kind.CANCELLED, "Cancelled before it left", by, event_id(fact), fact.number)
    for fact in evidence.events("message.expired"):
        text = "Expired: nobody decided, nothing was sent"
        yield Step(fact.at, Kind.EXPIRED, text, None, event_id(fact), fact.number)


def event_id(fact: Fact) -> dict[str, object]:
    """The event's id: the cursor of streams and of the log."""
    return {"eventId": fact.said["id"]}


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _attempt(fact: Fact, recipient: Mapping[str, Any]) -> Step:
    said = fact.said
    outcome, to, code = said["outcome"], recipient["address"], said["code"]
    started_at = moment(said["started_at"])
    is_over = said["finished_at"] is not None
    is_newest = fact.number == recipient["attempts"]
    goes_again = is_newest and recipient["state"] == RecipientState.DEFERRED
    gave_up = is_newest and outcome == "deferred" and recipient["state"] == RecipientState.FAILED
    data = {
        "recipient": to,
        "number": fact.number,
        "startedAt": started_at,
        "durationMs": round((fact.at - started_at).total_seconds() * 1000) if is_over else None,
        "outcome": outcome if is_over else None,
        "code": code or None if is_over else None,
        "text": said["text"] or None if is_over else None,
        "nextAttemptAt": moment(recipient["next_at"]) if goes_again else None,
        "gaveUp": gave_up,
    }
    if not is_over:
        return Step(fact.at, Kind.ATTEMPT, f"Being handed over for {to}", None, data, fact.number)
    is_answer = code[:1].isdigit()
    words = (TRIED if is_answer else TRIED_BY_US).get(outcome, outcome + " for {to}").format(to=to)
    answer = " ".join(part for part in (code if is_answer else "", said["text"]) if part)
    text = words + (f": {answer}" if answer else "") + (" Given up." if gave_up else "")
    return Step(fact.at, Kind.ATTEMPT, text, None, data, fact.number)


def _author(message: Message) -> Actor | None:
    if message.member is not None:
        return Actor("member", message.member.user.name or message.member.user.email)
    return Actor("agent", message.agent.name) if message.agent is not None else None


def _canceller(message: Message, by: str) -> Actor | None:
    """Who took it back, as far as the event says and the name is known."""
    if by in (f"agent:{message.agent_id}", f"member:{message.member_id}"):
        return _author(message)
    role = by.partition(":")[0]
    return Actor(role if role in ("agent", "member") else "platform", "") if role else None


def _decides(line: Mapping[str, Any], said: Mapping[str, Any]) -> bool:
    same = line["code"] == said["code"] and line["outcome"] == said["outcome"]
    return same and not line.get("is_shadow")


def _finding(line: Mapping[str, Any], *, is_member: bool) -> dict[str, object]:
    """A line of the trace; what is to be done about a refusal is said by the answer to the send."""
    told = {name: line.get(name) for name in ("rule", "version", "result", "outcome", "code", "text")}
    if not is_member:
        return told | {"rule": line["code"]} if line.get("scope") else told
    more = {"scope": "scope", "name": "name", "detail": "detail", "clearedBy": "cleared_by", "isShadow": "is_shadow"}
    return told | {name: line[key] for name, key in more.items() if line.get(key)}
