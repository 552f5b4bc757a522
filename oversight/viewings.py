"""Who has opened which review, and when: how long a decision took, and what of a group a person has read."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from django.db.models import F

from mailboxes import statements
from mailboxes.ids import new_id
from mailboxes.principals import Principal

from .models import Review, ReviewState, Viewing

# The first opening stands; of what was seen the newest counts.
SEEN = """
INSERT INTO oversight_viewing (id, review_id, member_id, version, message_version, opened_at, seen_at)
SELECT %(id)s, w.id, %(member)s, %(version)s, %(message_version)s, %(now)s, %(now)s
FROM oversight_review w WHERE w.id = %(review)s
ON CONFLICT (review_id, member_id) DO UPDATE
SET version = EXCLUDED.version, message_version = EXCLUDED.message_version, seen_at = EXCLUDED.seen_at
"""


def record(review: Review, *, actor: Principal, now: datetime) -> None:
    """Note that a member was shown this open review with its message; nothing for anybody else."""
    if actor.member is None or review.state != ReviewState.OPEN:
        return
    named = {"id": new_id(), "review": review.pk, "member": actor.member.pk, "now": now}
    seen = {"version": review.version, "message_version": review.message.current_version}
    statements.run(SEEN, named | seen)


def opened(actor: Principal, review_ids: Iterable[UUID]) -> set[UUID]:
    """Those of the reviews that this member has opened as they stand now."""
    if actor.member is None:
        return set()
    seen = Viewing.objects.filter(
        member=actor.member,
        review__in=list(review_ids),
        version=F("review__version"),
        message_version=F("review__message__current_version"),
    )
    return set(seen.values_list("review_id", flat=True))
