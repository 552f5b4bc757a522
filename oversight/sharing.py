"""What people do with a review beside deciding on it: claim it, put it off, and both back again."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from mailboxes.errors import Conflict, Invalid
from mailboxes.models import Member
from mailboxes.principals import Principal

from . import claims, decisions, reviews
from .decisions import DecisionConflict, ReviewOver
from .models import Claims, Review, ReviewState


def claim(review: Review, *, actor: Principal, now: datetime) -> Review:
    """Tell the others that this member looks at the review, for CLAIM_SECONDS from now; to be repeated meanwhile.

    Raises Forbidden, Conflict (claimed, claims_off), DecisionConflict, ReviewOver.
    """
    member = _decider(review, actor)
    if claims.mode(actor.account) == Claims.OFF:
        raise Conflict("Nobody claims reviews here.", code="claims_off", fix="Decide; the version keeps you apart.")
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
        raise Invalid("That moment is over.", code="snooze_past", fix="Name a later one.", field="until")
    if until is not None and until >= review.expires_at:
        raise Invalid(
            "It would expire before it came back.",
            code="snooze_beyond_expiry",
            fix="Name a moment before expiresAt.",
            field="until",
        )
