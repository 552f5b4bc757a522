"""What happened to a message, one line per act: asked, judged, decided, tried, answered."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Case, CharField, F, Value, When
from django.db.models.functions import Coalesce, NullIf

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
    "message.unlocked": "Unlocked: it had come over the month's limit",
    "message.unknown": "Whether it left is unknown; it is never sent again by itself",
}


NOTHING = Value("", CharField())


@dataclass(frozen=True, slots=True, order=True)
class Line:
    """What decisions, attempts and events have in common, so that one statement finds all three.

    `number` orders what happened at the same moment. `who` decided, or was written to.
    """

    at: datetime
    source: str
    number: int
    kind: str
    who: str
    text: str
    reason: str
    door: str


def of(message: Message, *, review: Review | None) -> list[Step]:
    """The timeline, oldest first."""
    decided = [_decisions(review)] if review else []
    lines = sorted(Line(*row) for row in _attempts(message).union(_events(message, review), *decided, all=True))
    steps = [*_asked(message, review), *map(_step, lines)]
    return sorted(steps, key=lambda step: step.at)


def _asked(message: Message, review: Review | None) -> Iterable[Step]:
    if message.direction == Direction.INBOUND:
        return
    yield Step(message.created_at, "Asked to send", message.agent.name if message.agent else "")
    if review is not None:
        yield Step(review.opened_at, "Held for a person", "the policy")
    elif not message.needs_decision:
        yield Step(message.created_at, f"Cleared without a person ({message.oversight_mode})", "the policy")


def _decisions(review: Review) -> Any:
    who = Coalesce(NullIf("member__user__name", NOTHING), "member__user__email", output_field=CharField())
    named = F("kind"), who, F("note"), F("reason"), F("door")
    return Decision.objects.filter(review=review).values_list("decided_at", Value("decision"), F("version"), *named)


def _attempts(message: Message) -> Any:
    at = Coalesce("finished_at", "started_at")
    outcome = Case(When(finished_at__isnull=True, then=NOTHING), default=F("outcome"))
    named = outcome, F("recipient__address"), F("text"), NOTHING, NOTHING
    found = Attempt.objects.filter(recipient__message=message)
    return found.values_list(at, Value("attempt"), F("number"), *named)


def _events(message: Message, review: Review | None) -> Any:
    subjects = [str(message.pk)] + ([str(review.pk)] if review else [])
    found = Event.objects.filter(subject__in=subjects, account_id=message.account_id, kind__in=EVENTS)
    named = F("kind"), NOTHING, NOTHING, NOTHING, NOTHING
    return found.values_list("created_at", Value("event"), F("seq"), *named)


def _step(line: Line) -> Step:
    if line.source == "decision":
        return Step(line.at, _decision_text(line), line.who)
    if line.source == "event":
        return Step(line.at, EVENTS[line.kind])
    if not line.kind:
        return Step(line.at, f"Being handed over for {line.who}")
    answer = f": {line.text}" if line.text else ""
    return Step(line.at, f"{TRIED.get(line.kind, line.kind)} for {line.who}{answer}")


def _decision_text(line: Line) -> str:
    text = DECIDED[DecisionKind(line.kind)]
    if line.reason:
        text = f"{text}: {decisions.REJECT_REASONS.get(line.reason, line.reason)}"
    if line.text:
        text = f"{text} (“{line.text}”)"
    return f"{text}, through the API" if line.door == Door.API else text
