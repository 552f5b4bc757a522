"""Working off what `bulk` has taken down: one review after the other, each in a transaction of its own."""

from __future__ import annotations

import time
from datetime import datetime

import structlog
from django.db import DatabaseError, transaction

from mailboxes import clock
from mailboxes.errors import Conflict, Problem, Unauthenticated
from mailboxes.keys import still_good
from mailboxes.principals import Principal, of_member
from messaging import shutdown, wakeup

from . import bulk, claims, decisions, groups, opening
from .decisions import Reviewer
from .models import Batch, BatchItem, BatchKind, Claims, Door, ItemOutcome, Review

log = structlog.get_logger(__name__)

# A call ends in reasonable time whatever there is to do, and rings for a successor.
BUSY_FOR = 10.0


def run_due(*, busy_for: float = BUSY_FOR) -> int:
    """Decide what waits in batches, oldest batch first; how many items. Any number of workers may do so at once."""
    done, until = 0, time.monotonic() + busy_for
    for batch in Batch.objects.filter(finished_at__isnull=True).order_by("created_at")[:100]:
        while _decide_next(batch):
            done += 1
            if shutdown.is_asked() or time.monotonic() > until:
                wakeup.ring(bulk.RUN_BATCHES)
                return done
        with transaction.atomic():
            if not batch.items.filter(outcome="").exists():
                bulk.finish(batch, now=clock.now())
    return done


def _decide_next(batch: Batch) -> bool:
    """Decide one item that nobody else has in hand; False if there is none. Lock order: item → review → as ever."""
    with transaction.atomic():
        item = (
            BatchItem.objects.select_for_update(skip_locked=True, of=("self",))
            .select_related("review", "batch__member__user", "batch__member__account", "batch__key")
            .filter(batch=batch, outcome="")
            .order_by("pk")
            .first()
        )
        if item is None:
            return False
        try:
            with transaction.atomic():  # a decision that is refused leaves nothing behind
                _decide(item, now=clock.now())
            item.outcome = ItemOutcome.DONE
        except Problem as problem:
            item.outcome, item.code, item.text = ItemOutcome.SKIPPED, problem.code, problem.sentence
        except DatabaseError:
            raise  # it waits for a better day
        except Exception:
            log.exception("batch.item_failed", item=str(item.pk))
            item.outcome, item.code, item.text = ItemOutcome.SKIPPED, "server_error", "Something broke on our side."
        item.save(update_fields=["outcome", "code", "text"])
    return True


def _decide(item: BatchItem, *, now: datetime) -> None:
    batch, review = item.batch, item.review
    reviewer = Reviewer(_principal(batch, now=now), Door(batch.door), batch.second_step_at)
    is_required = claims.mode(batch.member.account) == Claims.REQUIRED
    if is_required and claims.take(review, member=batch.member, now=now) is None:
        review.refresh_from_db()
        raise claims.not_held(claims.holder(review, now=now))
    if batch.kind == BatchKind.REJECT:
        decisions.reject(review, reviewer=reviewer, version=item.version, reason=batch.reason, note=batch.note, now=now)
        return
    _check_alike(review, batch)
    decisions.approve(review, reviewer=reviewer, version=item.version, note=batch.note, now=now)


def _check_alike(review: Review, batch: Batch) -> None:
    """Look at the message itself once more, under the lock that the decision takes."""
    locked = Review.objects.select_for_update(of=("self",)).select_related("message").get(pk=review.pk)
    if why := groups.why_alone(locked.risk, locked.people_needed):
        raise Conflict(why, code="left_out", fix="Decide on it by itself.")
    if opening.likeness_of(locked.message, reason_code=locked.reason_code).fingerprint != batch.fingerprint:
        raise Conflict("It has changed since, and is not like the others.", code="changed", fix="Read it by itself.")


def _principal(batch: Batch, *, now: datetime) -> Principal:
    """Who asked, with the rights that they have now."""
    principal = of_member(batch.member)
    if batch.key is None:
        return principal
    if not still_good([batch.key.pk], now=now):
        raise Unauthenticated("The key that asked was revoked.", code="revoked_key")
    scopes = principal.scopes & frozenset(batch.key.scopes)
    return Principal(account=principal.account, scopes=scopes, member=batch.member, key=batch.key)
