"""What happened to a message, one line per act: asked, judged, decided, tried, answered."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from mailboxes.models import Event
from messaging.models import Attempt, Direction, Message
from oversight import decisions
from oversight.models import Decision, DecisionKind, Door, Review

from .cards import Step

DECIDED = {
    DecisionKind.APPROVE: "Approved",
    DecisionKind.REJECT: "Rejected",
    DecisionKind.UNDO: "Approval taken back",
}
TRIED = {
    "sent": "Taken by the mail server",
    "deferred": "Put off by the mail server",
    "failed": "Refused by the mail server",
    "unknown": "The answer was lost; it may have left",
    "withdrawn": "Not tried after all",
}
# Held, queued after a decision, sent and failed are told by the policy, the decisions and the attempts.
EVENTS = {
    "review.expired": "Expired: nobody decided, nothing was sent",
    "message.cancelled": "Cancelled before it left",
    "message.delivered": "Delivered",
    "message.bounced": "Bounced",
    "message.complained": "Reported as spam",
    "message.received": "Received",
    "message.unknown": "Whether it left is unknown; it is never sent again by itself",
}


def of(message: Message, *, review: Review | None, attempts: Sequence[Attempt]) -> list[Step]:
    """The timeline, oldest first."""
    steps = [*_asked(message, review), *_decided(review), *_tried(attempts), *_told(message, review)]
    return sorted(steps, key=lambda step: step.at)


def _asked(message: Message, review: Review | None) -> Iterable[Step]:
    if message.direction == Direction.INBOUND:
        return
    yield Step(message.created_at, "Asked to send", message.agent.name if message.agent else "")
    if review is not None:
        yield Step(review.opened_at, "Held for a person", "the policy")
    elif not message.needs_decision:
        yield Step(message.created_at, f"Cleared without a person ({message.oversight_mode})", "the policy")


def _decided(review: Review | None) -> Iterable[Step]:
    if review is None or review.version == 1:  # every decision raises the version
        return
    for decision in review.decisions.select_related("member__user").order_by("version"):
        yield Step(
            decision.decided_at, _decision_text(decision), decision.member.user.name or decision.member.user.email
        )


def _decision_text(decision: Decision) -> str:
    text = DECIDED[DecisionKind(decision.kind)]
    if decision.reason:
        text = f"{text}: {decisions.REJECT_REASONS.get(decision.reason, decision.reason)}"
    if decision.note:
        text = f"{text} (“{decision.note}”)"
    return f"{text}, through the API" if decision.door == Door.API else text


def _tried(attempts: Sequence[Attempt]) -> Iterable[Step]:
    for attempt in attempts:
        to = attempt.recipient.address
        if attempt.finished_at is None:
            yield Step(attempt.started_at, f"Being handed over for {to}")
            continue
        answer = f": {attempt.text}" if attempt.text else ""
        yield Step(attempt.finished_at, f"{TRIED.get(attempt.outcome, attempt.outcome)} for {to}{answer}")


def _told(message: Message, review: Review | None) -> Iterable[Step]:
    subjects = [str(message.pk)] + ([str(review.pk)] if review else [])
    events = Event.objects.filter(subject__in=subjects, account_id=message.account_id, kind__in=EVENTS)
    for event in events.order_by("seq"):
        yield Step(event.created_at, EVENTS[event.kind])
