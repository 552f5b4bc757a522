"""The policy's word on a message that is stored already, as the world stands now: after an edit, and at its release."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from messaging.models import Message

from . import facts, rule_sets
from .models import Evaluation, Review
from .policy.evaluate import evaluate
from .policy.rules import needed
from .policy.types import Facts, Outcome, Risk, Verdict
from .sender import Sender


@dataclass(frozen=True, slots=True)
class Judged:
    """A stored message, what is known of it now, and what the rules in force make of that."""

    message: Message
    sender: Sender
    facts: Facts
    verdict: Verdict

    def keep(self, *, now: datetime) -> None:
        """Keep the verdict with its trace beside those before."""
        Evaluation.objects.create(
            message=self.message,
            outcome=self.verdict.outcome.value,
            reason_code=self.verdict.code,
            facts=self.facts.as_json(),
            trace=[finding.as_json() for finding in self.verdict.trace],
            rule_sets=rule_sets.told(self.sender.rules),
            evaluated_at=now,
        )


def judge(message: Message, *, who: Sender, now: datetime) -> Judged:
    """The verdict on a message that waits, in the stricter of its mailbox's mode and the one that it was asked in."""
    [known] = facts.gather_past([message], needs=needed(who.rules), at=now)
    return Judged(message, who, known, evaluate(known, who.rules))


def is_stricter(verdict: Verdict, review: Review) -> bool:
    """Whether it asks for more than the review did: a refusal, more people, a higher risk."""
    if verdict.outcome == Outcome.ALLOW:
        return False
    is_riskier = verdict.risk.weight > Risk(review.risk).weight
    return verdict.outcome == Outcome.REFUSE or verdict.people > review.people_needed or is_riskier


def tighten(review: Review, verdict: Verdict) -> None:
    """Let the review ask for what the verdict asks, and for no less than before; the caller saves it."""
    if verdict.outcome == Outcome.ALLOW:
        return
    review.people_needed = max(review.people_needed, verdict.people)
    review.risk = max(Risk(review.risk), verdict.risk, key=lambda risk: risk.weight).value
    review.lane = verdict.lane or review.lane
