"""Claims: whose eyes a review is under. A word to the others for two minutes, and a lock only where the account wants.

No claim stands in the event log: who looks at a page renews it every minute, and the log is what may never be thinned.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Q

from mailboxes import events
from mailboxes.errors import Conflict, Forbidden, Invalid
from mailboxes.models import Account, Member
from mailboxes.principals import Principal

from .models import Claims, Desk, Review, ReviewState


def mode(account: Account) -> Claims:
    """Whether people of the account claim what they look at."""
    own = Desk.objects.filter(account=account).values_list("claims", flat=True).first()
    return Claims(own or settings.CLAIMS)


def set_mode(actor: Principal, claims: str | None, *, now: datetime) -> Claims:
    """Set the account's own mode, or with None the server's again. For owners and admins."""
    if actor.member is None or not actor.member.may_manage:
        raise Forbidden("Only an owner or admin of the account sets this.", code="not_manager", fix="Ask one of them.")
    if claims is not None and claims not in Claims.values:
        raise Invalid("There is no such way to claim.", code="invalid_field", fix="Use off, optional or required.")
    with transaction.atomic():
        if claims is None:
            Desk.objects.filter(account=actor.account).delete()
        else:
            Desk.objects.update_or_create(account=actor.account, defaults={"claims": claims})
        data = {"claims": claims or "", "by": actor.identity}
        events.record(actor.account, "review.claims_changed", subject=str(actor.account.pk), data=data, now=now)
    return mode(actor.account)


def holder(review: Review, *, now: datetime) -> Member | None:
    """Who looks at the open review at this moment."""
    is_held = review.state == ReviewState.OPEN and review.claimed_until is not None and review.claimed_until > now
    return review.claimed_by if is_held else None


def take(review: Review, *, member: Member, now: datetime) -> datetime | None:
    """Claim the open review for the member, or go on doing so; until when. None where somebody else holds it."""
    until = now + timedelta(seconds=settings.CLAIM_SECONDS)
    return until if take_all([review], member=member, now=now) else None


def take_all(found: Sequence[Review], *, member: Member, now: datetime) -> int:
    """Claim those of the reviews that are open and free; how many. Of several the caller holds the locks."""
    free = Q(claimed_until__isnull=True) | Q(claimed_until__lte=now) | Q(claimed_by=member)
    until = now + timedelta(seconds=settings.CLAIM_SECONDS)
    pks = [review.pk for review in found]
    mine = Review.objects.filter(free, pk__in=pks, state=ReviewState.OPEN, expires_at__gt=now)
    return mine.update(claimed_by=member, claimed_until=until)


def give_back(review: Review, *, member: Member) -> bool:
    """Let go of the review; False where the member did not hold it."""
    mine = Review.objects.filter(pk=review.pk, claimed_by=member)
    return bool(mine.update(claimed_by=None, claimed_until=None))


def check(review: Review, *, member: Member, now: datetime) -> None:
    """Refuse a decision of whoever does not hold the claim, where the account requires it."""
    held_by = holder(review, now=now)
    if held_by != member and mode(member.account) == Claims.REQUIRED:
        raise not_held(held_by)


def not_held(held_by: Member | None) -> Conflict:
    """What is told to whoever decides, or claims, without holding the claim."""
    if held_by is None:
        return Conflict(
            "Here a review is claimed before it is decided.", code="not_claimed", fix="Claim it, then decide."
        )
    name = held_by.user.name or held_by.user.email
    return Conflict(f"{name} is looking at it.", code="claimed", fix="Wait until they have let go of it.")
