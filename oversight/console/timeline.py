"""The timeline as the pages show it: `oversight.timeline`, each step with its shape and color."""

from __future__ import annotations

from typing import Final

from mailboxes.principals import Principal
from messaging.models import Message
from oversight import timeline
from oversight.timeline import Kind

from .cards import Step, Way

# Beside what says the same to people: the verdict, and that it was shown.
LEFT_OUT: Final = {(Kind.REVIEW, "opened"), (Kind.TOLD, "message.received")}
# The members of a step's data that tell its like apart; a step has one of them at most, or its first counts.
VARIANTS: Final = ("outcome", "action", "state", "status", "door", "event")
PLAIN: Final = ("circle-dot", "is-neutral")
SHAPES: Final[dict[Kind, tuple[str, str]]] = {
    Kind.ARRIVED: ("inbox", "is-info"),
    Kind.TRIGGER: ("reply", "is-neutral"),
    Kind.KEY: ("key-round", "is-warn"),
    Kind.CHECKS: ("shield-check", "is-neutral"),
    Kind.FILED: ("messages-square", "is-neutral"),
    Kind.RELEASED: ("eye", "is-ok"),
    Kind.SUPPRESSION: ("ban", "is-danger"),
    Kind.UNLOCKED: ("key-round", "is-ok"),
    Kind.CANCELLED: ("ban", "is-neutral"),
    Kind.EXPIRED: ("hourglass", "is-neutral"),
}
SHAPES_OF: Final[dict[tuple[Kind, str], tuple[str, str]]] = {
    (Kind.INTENT, "api"): ("bot", "is-info"),
    (Kind.INTENT, "console"): ("user", "is-info"),
    (Kind.INTENT, "platform"): ("mail", "is-info"),
    (Kind.VERDICT, "allow"): ("shield-check", "is-ok"),
    (Kind.VERDICT, "hold"): ("hand", "is-warn"),
    (Kind.VERDICT, "refuse"): ("ban", "is-danger"),
    (Kind.REVIEW, "approved"): ("check", "is-ok"),
    (Kind.REVIEW, "rejected"): ("x", "is-danger"),
    (Kind.REVIEW, "undone"): ("undo-2", "is-warn"),
    (Kind.STOP, "stopped"): ("hand", "is-warn"),
    (Kind.STOP, "resumed"): ("check", "is-ok"),
    (Kind.REVIEW, "edited"): ("pencil", "is-info"),
    (Kind.REVIEW, "returned"): ("reply", "is-warn"),
    (Kind.REVIEW, "reopened"): ("hand", "is-warn"),
    (Kind.ATTEMPT, ""): ("send", "is-info"),
    (Kind.ATTEMPT, "sent"): ("arrow-right", "is-ok"),
    (Kind.ATTEMPT, "deferred"): ("diamond", "is-warn"),
    (Kind.ATTEMPT, "failed"): ("triangle-alert", "is-danger"),
    (Kind.ATTEMPT, "unknown"): ("circle-help", "is-warn"),
    (Kind.OUTCOME, "sent"): ("arrow-right", "is-ok"),
    (Kind.OUTCOME, "failed"): ("triangle-alert", "is-danger"),
    (Kind.OUTCOME, "unknown"): ("circle-help", "is-warn"),
    (Kind.FEEDBACK, "delivered"): ("check-check", "is-ok"),
    (Kind.FEEDBACK, "bounced"): ("triangle-alert", "is-danger"),
    (Kind.FEEDBACK, "complained"): ("flag", "is-danger"),
    (Kind.WEBHOOK, "DELIVERED"): ("external-link", "is-ok"),
    (Kind.WEBHOOK, "PENDING"): ("clock", "is-info"),
    (Kind.WEBHOOK, "FAILED"): ("triangle-alert", "is-warn"),
}
# So many are seen at once; of more, those between the first and the last are folded.
UNFOLDED, FIRST, LAST = 30, 4, 20


def of(message: Message, *, actor: Principal) -> Way:
    """The message's way, oldest step first. Wants it as `detail` finds it."""
    told = timeline.of(message, actor=actor)
    steps = [_step(step) for step in told.steps if (step.kind, _variant(step)) not in LEFT_OUT]
    if len(steps) <= UNFOLDED:
        return Way(steps, has_more=told.has_more)
    return Way(steps[:FIRST], steps[FIRST:-LAST], steps[-LAST:], has_more=told.has_more)


def _step(step: timeline.Step) -> Step:
    shape, css = SHAPES_OF.get((step.kind, _variant(step))) or SHAPES.get(step.kind, PLAIN)
    by = step.by.name if step.by else ""
    is_given_up = step.data.get("gaveUp") is True
    return Step(step.at, step.text, by, icon=shape, css=css, detail=_detail(step), is_given_up=is_given_up)


def _variant(step: timeline.Step) -> str:
    return next((str(step.data[name] or "") for name in VARIANTS if name in step.data), "")


def _detail(step: timeline.Step) -> str:
    """How long a try took, and which one it was."""
    took = step.data.get("durationMs")
    if step.kind is not Kind.ATTEMPT or took is None:
        return ""
    number = step.data["number"]
    return f"attempt {number}, {took / 1000:.1f} s" if number > 1 else f"{took / 1000:.1f} s"
