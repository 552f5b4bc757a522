"""What the network did with a message, played by the real verbs: claim, record, report."""

from __future__ import annotations

from collections.abc import Sequence

from mailboxes import clock
from messaging import return_paths
from messaging.inbound import feedback
from messaging.mime.types import Report, ReportKind
from messaging.models import Attempt, Message, RecipientState
from messaging.outbound import outbox, outcomes
from messaging.outbound.outcomes import Outcome, OutcomeKind

ORDER = ("to", "cc", "bcc")
FIRST: dict[RecipientState, OutcomeKind] = {
    RecipientState.DEFERRED: OutcomeKind.DEFERRED,
    RecipientState.FAILED: OutcomeKind.FAILED,
    RecipientState.UNKNOWN: OutcomeKind.UNKNOWN,
}
REPORTS = {
    RecipientState.DELIVERED: (ReportKind.DELIVERED, "2.0.0"),
    RecipientState.BOUNCED: (ReportKind.BOUNCE, "5.1.1"),
    RecipientState.COMPLAINED: (ReportKind.COMPLAINT, ""),
}


def claim(message: Message) -> list[Attempt]:
    """What a worker takes of a queued message."""
    return [one for one in outbox.claim_due(limit=100, now=clock.now()) if one.recipient.message_id == message.pk]


def came_to(message: Message, states: Sequence[RecipientState]) -> None:
    """Try each recipient once and tell what came of it; `states` are of to before cc before bcc."""
    attempts = sorted(claim(message), key=lambda one: ORDER.index(one.recipient.kind))
    for attempt, state in zip(attempts, states, strict=True):
        kind = FIRST.get(state, OutcomeKind.SENT)
        outcomes.record(
            attempt, Outcome(kind, "451" if kind is OutcomeKind.DEFERRED else "250", "So it is."), now=clock.now()
        )
        if state in REPORTS:
            report(attempt, state)


def report(attempt: Attempt, state: RecipientState) -> None:
    """A report about one copy, with the token that proves it."""
    kind, status = REPORTS[state]
    path = return_paths.return_path_of(attempt.recipient_id, domain="agents.example", now=clock.now())
    token = path.partition("@")[0].removeprefix("b+")
    told = Report(kind=kind, recipients=(attempt.recipient.address,), status=status, token=token)
    feedback.apply(told, now=clock.now())
