"""The product's verbs of people who decide."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from mailboxes.principals import Principal, of_member
from messaging.models import DeadLetter, Message
from oversight import (
    batches,
    bulk,
    claims,
    dead_letters,
    decisions,
    groups,
    releases,
    returns,
    reviews,
    sharing,
    viewings,
)
from oversight.bulk import Named
from oversight.decisions import Changes, Reviewer
from oversight.models import Batch, BatchItem, Review
from tests import builders

from .world import World


class Deciding:
    """A review is named by its id, a person by name."""

    def __init__(self, world: World) -> None:
        self._world = world

    def approve(self, review: UUID, version: int, by: str) -> None:
        decisions.approve(Review(pk=review), reviewer=self._reviewer(by), version=version, now=self._world.now)

    def reject(self, review: UUID, version: int, by: str) -> None:
        reviewer = self._reviewer(by)
        decisions.reject(Review(pk=review), reviewer=reviewer, version=version, reason="tone", now=self._world.now)

    def undo(self, review: UUID, version: int, by: str) -> None:
        decisions.undo(Review(pk=review), reviewer=self._reviewer(by), version=version, now=self._world.now)

    def request_changes(self, review: UUID, version: int, by: str) -> None:
        reviewer, now = self._reviewer(by), self._world.now
        decisions.request_changes(Review(pk=review), reviewer=reviewer, version=version, instructions="Anew.", now=now)

    def edit(self, review: UUID, version: int, by: str, subject: str, to: tuple[str, ...] | None) -> None:
        reviewer, changes = self._reviewer(by), Changes(subject=subject, to=to)
        decisions.edit(Review(pk=review), reviewer=reviewer, version=version, changes=changes, now=self._world.now)

    def claim_review(self, review: UUID, by: str) -> None:
        actor = self._actor(by)
        sharing.claim(reviews.get(actor, review), actor=actor, now=self._world.now)

    def let_go(self, review: UUID, by: str) -> None:
        actor = self._actor(by)
        sharing.let_go(reviews.get(actor, review), actor=actor)

    def snooze(self, review: UUID, by: str, until: datetime | None) -> None:
        actor = self._actor(by)
        sharing.snooze(reviews.get(actor, review), actor=actor, until=until, now=self._world.now)

    def awake(self) -> set[UUID]:
        """The messages of the reviews that people find in the queue."""
        waiting = reviews.pending(self._actor("owner"), now=self._world.now)
        return set(waiting.values_list("message_id", flat=True))

    def set_claims(self, mode: str) -> None:
        claims.set_mode(self._actor("owner"), mode, now=self._world.now)

    def bulk_reject(self, named: Sequence[tuple[UUID, int]], by: str) -> Batch:
        wanted = [Named(*one) for one in named]
        return bulk.reject(wanted, reviewer=self._reviewer(by), reason="tone", now=self._world.now)

    def group_of(self, review: UUID, by: str) -> list[UUID]:
        """The reviews that are like this one, and wait."""
        fingerprint = Review.objects.get(pk=review).fingerprint
        return [member.id for member in groups.get(self._actor(by), fingerprint, now=self._world.now).members]

    def read(self, ids: Sequence[UUID], by: str) -> None:
        for review in Review.objects.filter(pk__in=ids).select_related("message"):
            viewings.record(review, actor=self._actor(by), now=self._world.now)

    def bulk_approve(self, review: UUID, named: Sequence[tuple[UUID, int]], by: str) -> Batch:
        fingerprint = Review.objects.get(pk=review).fingerprint
        wanted = [Named(*one) for one in named]
        return bulk.approve(fingerprint, wanted, reviewer=self._reviewer(by), now=self._world.now)

    def outcomes_of(self, batch: UUID) -> dict[UUID, str]:
        """What became of its reviews: "done", or the code of why not; empty where it is still to be done."""
        items = BatchItem.objects.filter(batch=batch).values_list("review_id", "outcome", "code")
        return {review: code or outcome for review, outcome, code in items}

    def run_batches(self) -> int:
        return batches.run_due(busy_for=3600)  # all of them, however slow the machine is

    def expire(self) -> int:
        return reviews.expire_due(now=self._world.now)

    def expire_returned(self) -> int:
        return returns.expire_due(now=self._world.now)

    def release(self) -> int:
        return releases.release_due(now=self._world.now)

    def requeue(self, message: Message, address: str, by: str) -> None:
        dead_letters.requeue(self._actor(by), self._letter(message, address), now=self._world.now)

    def drop(self, message: Message, address: str, by: str) -> None:
        dead_letters.drop(self._actor(by), self._letter(message, address), now=self._world.now)

    def _letter(self, message: Message, address: str) -> UUID:
        return DeadLetter.objects.get(message=message, recipient__address=address, ended_at__isnull=True).pk

    def _actor(self, by: str) -> Principal:
        return of_member(self._world.cast.people[by])

    def _reviewer(self, by: str) -> Reviewer:
        return builders.reviewer(self._world.cast.people[by])
