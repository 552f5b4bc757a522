"""What a principal may do with a review now: what the faces offer."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from django.conf import settings

from mailboxes.principals import Principal
from messaging.models import Direction

from . import deciding, votes
from .models import Decision, Review, ReviewState


def allowed(
    review: Review, *, principal: Principal, decisions: Iterable[Decision], is_untouched: bool, now: datetime
) -> list[str]:
    """The names of the acts, by the review's decisions so far. `is_untouched`: queued, and no worker has had it.

    Whether a second step is still wanted is not said here: the act asks for it.
    """
    if deciding.refusal(review, principal=principal) is not None:
        return []
    is_sent = review.message.direction == Direction.OUTBOUND
    if review.state == ReviewState.OPEN and review.expires_at > now:
        member = principal.member
        has_approved = any(member and one.member_id == member.pk for one in votes.counted(review, decisions))
        approve = [] if has_approved else ["approve"]
        return [*approve, "reject", *(["edit", "request_changes"] if is_sent else [])]
    may_undo = settings.UNDO_SECONDS and review.state == ReviewState.APPROVED and is_sent and is_untouched
    return ["undo"] if may_undo else []
