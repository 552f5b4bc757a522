"""What people do with a review beside deciding on it: claim it, put it off, and both back again."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from django.db import transaction

from mailboxes.errors import Conflict, Invalid
from mailboxes.models import Member
from mailboxes.principals import Principal

from . import claims, deciders, decisions, reviews
from .decisions import DecisionConflict, ReviewOver
from .models import Claims, Review, ReviewState


def claim(review: Review, *, actor: Principal, now: datetime) -> Review:
    """Tell the others that this member looks at the review, for CLAIM_SECONDS from now; to be repeated meanwhile.

    Raises Forbidden, Conflict (claimed, claims_off), DecisionConflict, ReviewOver.
    """
    member = _decider(review, actor)
    _check_claims(actor)
    until = claims.take(review, member=member, now=now)
    found = _again(review, actor)
    if until is None:
        _check_open(found, now=now)
        raise claims.not_held(found.claimed_by)
    return found


def let_go(review: Review, *, actor: Principal) -> Review:
    """Give a claim back by hand; no matter if it was not held any more."""
    claims.give_back(review, member=_decider(review, actor))
    return _again(review, actor)


def snooze(review: Review, *, actor: Principal, until: datetime | None, now: datetime) -> Review:
    """Put the open review out of sight until that moment, or with None back into it. It expires all the same.

    Raises Forbidden, Invalid (snooze_past, snooze_beyond_expiry), DecisionConflict, ReviewOver.
    """
    _decider(review, actor)
    with transaction.atomic():
        locked = Review.objects.select_for_update(no_key=True).get(pk=review.pk)
        _check_open(locked, now=now)
        _check_moment(locked, until, now=now)
        locked.snoozed_until = until
        locked.save(update_fields=["snoozed_until"])
        kind = "review.woken" if until is None else "review.snoozed"
        reviews.record(locked, kind, now=now, by=actor.identity, until=until.isoformat() if until else "")
    return _again(review, actor)


def claim_all(actor: Principal, ids: Sequence[UUID], *, now: datetime) -> int:
    """Claim those of the reviews that are free; how many. Raises Forbidden, Conflict (claims_off)."""
    member = deciders.check(actor)
    _check_claims(actor)
    with transaction.atomic():
        return claims.take_all(_lock_all(actor, ids, now=now), member=member, now=now)


def snooze_all(actor: Principal, ids: Sequence[UUID], *, until: datetime, now: datetime) -> int:
    """Put those of the reviews out of sight that come back before they expire; how many. Raises Forbidden, Invalid."""
    deciders.check(actor)
    if until <= now:
        raise _past()
    with transaction.atomic():
        found = [review for review in _lock_all(actor, ids, now=now) if review.expires_at > until]
        Review.objects.filter(pk__in=[review.pk for review in found]).update(snoozed_until=until)
        reviews.record_of_all(found, "review.snoozed", now=now, by=actor.identity, until=until.isoformat())
    return len(found)


def _lock_all(actor: Principal, ids: Sequence[UUID], *, now: datetime) -> list[Review]:
    """Those that wait and that this member did not write, in one order for everybody who locks several."""
    waiting = reviews.visible(actor).filter(pk__in=ids, state=ReviewState.OPEN, expires_at__gt=now)
    found = waiting.select_related("message").select_for_update(no_key=True, of=("self",)).order_by("pk")
    # Not excluded in SQL: the author of most is no member at all.
    return [review for review in found if actor.member is None or review.message.member_id != actor.member.pk]


def _check_claims(actor: Principal) -> None:
    if claims.mode(actor.account) == Claims.OFF:
        raise Conflict("Nobody claims reviews here.", code="claims_off", fix="Decide; the version keeps you apart.")


def _past() -> Invalid:
    return Invalid("That moment is over.", code="snooze_past", fix="Name a later one.", field="until")


def _decider(review: Review, actor: Principal) -> Member:
    decisions.check_may_decide(review, principal=actor)
    assert actor.member is not None  # or it would have been refused
    return actor.member


def _again(review: Review, actor: Principal) -> Review:
    return reviews.visible(actor).select_related("claimed_by__user", "message").get(pk=review.pk)


def _check_open(review: Review, *, now: datetime) -> None:
    if review.state == ReviewState.EXPIRED or (review.state == ReviewState.OPEN and review.expires_at <= now):
        raise ReviewOver(review)
    if review.state != ReviewState.OPEN:
        raise DecisionConflict(
            f"This was {review.state} already, by {review.decided_by or 'the agent'}.",
            review=review,
            code="already_decided",
            fix="Read the review again.",
        )


def _check_moment(review: Review, until: datetime | None, *, now: datetime) -> None:
    if until is not None and until <= now:
        raise _past()
    if until is not None and until >= review.expires_at:
        raise Invalid(
            "It would expire before it came back.",
            code="snooze_beyond_expiry",
            fix="Name a moment before expiresAt.",
            field="until",
        )
