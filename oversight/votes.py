"""Who has approved exactly what would leave, and who is still wanted.

An approval counts as long as the bytes are those under its seal, and nobody has edited, taken back or reopened the
review since. The trigger on attempts counts the same from the rows (migrations/0007_verbs).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from django.conf import settings

from mailboxes.errors import Forbidden

from .deciding import DecisionConflict, Reviewer
from .models import Decision, DecisionKind, Review
from .policy.types import Risk


def counted(review: Review, decisions: Iterable[Decision]) -> list[Decision]:
    """The approvals of these decisions, oldest first, that count for the review."""
    kept: list[Decision] = []
    for decision in sorted(decisions, key=lambda one: one.version):
        if decision.kind != DecisionKind.APPROVE:
            kept = []
        elif decision.version >= review.votes_from:
            kept.append(decision)
    return kept


def standing(review: Review) -> Sequence[Decision]:
    """The approvals that count, from the database."""
    return counted(review, Decision.objects.filter(review=review))


def check(review: Review, *, reviewer: Reviewer, now: datetime) -> Sequence[Decision]:
    """The approvals so far, if this one may follow: by somebody else, who has just proven it where risk is high.

    Raises DecisionConflict (already_approved) or Forbidden (second_step_required).
    """
    so_far = standing(review)
    if any(one.member_id == reviewer.member.pk for one in so_far):
        raise DecisionConflict(
            "You have approved this already; another person must.",
            review=review,
            code="already_approved",
            fix="Ask somebody else to look at it.",
        )
    check_second_step(review, reviewer=reviewer, now=now)
    return so_far


def check_second_step(review: Review, *, reviewer: Reviewer, now: datetime) -> None:
    """Refuse an approval of high risk by whoever has not just proven who they are. A key alone never has."""
    since = now - timedelta(minutes=settings.SECOND_STEP_MINUTES)
    if review.risk == Risk.HIGH and not (reviewer.second_step_at and reviewer.second_step_at >= since):
        raise Forbidden(
            "What is of high risk is approved after a second step only: your code, or your password again.",
            code="second_step_required",
            fix="Prove it in the console, and approve there.",
        )
