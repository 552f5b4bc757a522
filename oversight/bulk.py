"""Many reviews decided by one act: any set is rejected, only what is alike is approved, and only after samples were
read.

What was asked is one short transaction. Each item is then decided by itself, on the version that was named, with its
result in the same transaction: whoever dies in the middle leaves nothing half done, and whoever repeats it does nothing
twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.conf import settings
from django.db import transaction

from mailboxes import events
from mailboxes.errors import Conflict, Invalid, NotFound
from mailboxes.ids import parse_id
from mailboxes.principals import Principal
from messaging import wakeup

from . import deciders, groups, pending, reviews
from .decisions import NOTE_LENGTH, REASON_LENGTH, REJECT_REASONS, Reviewer
from .groups import Group, Member
from .models import Batch, BatchItem, BatchKind, ItemOutcome
from .pending import Wanted
from .policy import likeness

RUN_BATCHES = "oversight.run_batches"


@dataclass(frozen=True, slots=True)
class Named:
    """A review and the version of it that the person saw."""

    id: UUID
    version: int


def reject(named: Sequence[Named], *, reviewer: Reviewer, reason: str, note: str = "", now: datetime) -> Batch:
    """Have these reviews rejected, for one reason. Raises Forbidden, NotFound, Invalid."""
    deciders.check(reviewer.principal)
    _check_words(reason, note)
    _check_named(named, most=settings.BULK_REJECT_MOST)
    known = set(
        reviews.visible(reviewer.principal).filter(pk__in=[one.id for one in named]).values_list("pk", flat=True)
    )
    if len(known) < len(named):
        raise NotFound("review")
    batch = _batch(BatchKind.REJECT, reviewer, reason=reason, note=note, now=now)
    return _begin(batch, [BatchItem(batch=batch, review_id=one.id, version=one.version) for one in named], now=now)


def reject_all(wanted: Wanted, count: int, *, reviewer: Reviewer, reason: str, note: str = "", now: datetime) -> Batch:
    """Have all rejected that wait and are wanted, if they are as many as the person has typed.

    Raises Forbidden, Invalid, Conflict (count_differs, with `matching`).
    """
    deciders.check(reviewer.principal)
    _check_words(reason, note)
    most = settings.BULK_REJECT_MOST
    matching = pending.matching(reviewer.principal, wanted, now=now).values_list("pk", "version")
    named = [Named(*row) for row in matching[: most + 1]]
    if not named or len(named) != count:
        shown = str(len(named)) if len(named) <= most else f"more than {most}"
        raise Conflict(
            f"You said {count}; {shown} match now.",
            code="count_differs",
            fix=f"Look at the list again, and send the number that matches, {most} at most.",
            matching=len(named),
        )
    _check_named(named, most=most)
    batch = _batch(BatchKind.REJECT, reviewer, reason=reason, note=note, now=now)
    return _begin(batch, [BatchItem(batch=batch, review_id=one.id, version=one.version) for one in named], now=now)


def approve(group_id: str, named: Sequence[Named], *, reviewer: Reviewer, note: str = "", now: datetime) -> Batch:
    """Have these reviews of one similar group approved, of which this person has opened enough.

    Those that have left the group, or may not be approved with others, are skipped and say why. Raises Forbidden,
    NotFound, Invalid, Conflict (samples_required, with `needed`, `opened` and `toOpen`).
    """
    group = groups.get(reviewer.principal, group_id, now=now)
    _check_words("-", note)
    _check_named(named, most=settings.BULK_APPROVE_MOST)
    here = {member.id: member for member in group.members}
    _check_visible(named, reviewer)
    _check_samples([here[one.id] for one in named if one.id in here and not here[one.id].left_out], group)
    batch = _batch(BatchKind.APPROVE, reviewer, reason="", note=note, now=now)
    batch.fingerprint = group_id
    return _begin(batch, [_item(batch, one, here.get(one.id)) for one in named], now=now)


def get(actor: Principal, batch_id: object) -> Batch:
    """One batch of the member's account. Raises NotFound, also for agents."""
    parsed = parse_id(batch_id) if actor.member else None
    mine = Batch.objects.filter(account=actor.account).select_related("member__user")
    found = mine.filter(pk=parsed).first() if parsed else None
    if found is None:
        raise NotFound("batch")
    return found


def finish(batch: Batch, *, now: datetime) -> None:
    """Say of a batch whose items are all done that it is over; no matter if that was said before."""
    if Batch.objects.filter(pk=batch.pk, finished_at__isnull=True).update(finished_at=now):
        done = batch.items.filter(outcome=ItemOutcome.DONE).count()
        _record(batch, "review.batch_finished", now=now, done=done, skipped=batch.items_count - done)


def _check_words(reason: str, note: str) -> None:
    if not reason or len(reason) > REASON_LENGTH:
        raise Invalid(
            "A rejection needs a reason.",
            code="reason_required",
            fix=f"Send one of {', '.join(REJECT_REASONS)}, or your own.",
        )
    if len(note) > NOTE_LENGTH:
        raise Invalid(f"A note has at most {NOTE_LENGTH} characters.", code="note_too_long", fix="Shorten it.")


def _check_named(named: Sequence[Named], *, most: int) -> None:
    if not named or len(named) > most:
        raise Invalid(f"One act decides 1 to {most}.", code="batch_size", fix="Send them in parts.", field="items")
    if len({one.id for one in named}) < len(named):
        raise Invalid("A review is named twice.", code="review_twice", fix="Name each once.", field="items")


def _check_visible(named: Sequence[Named], reviewer: Reviewer) -> None:
    visible = reviews.visible(reviewer.principal).filter(pk__in=[one.id for one in named])
    if visible.count() < len(named):
        raise NotFound("review")


def _check_samples(chosen: Sequence[Member], group: Group) -> None:
    needed = likeness.samples_needed(len(chosen))
    opened = sum(one.is_opened for one in chosen)
    unread = [one.id for one in chosen if one.differs and not one.is_opened]
    if opened >= needed and not unread:
        return
    ids = {one.id for one in chosen if not one.is_opened}
    to_open = [*unread, *(pk for pk in group.samples if pk in ids and pk not in unread)]
    to_open += [pk for pk in ids if pk not in to_open]
    raise Conflict(
        f"Read {max(needed - opened, len(unread))} more of them first; you have read {opened}.",
        code="samples_required",
        fix="GET /v1/oversight/reviews/{id} of those in `toOpen`, or leave them out.",
        needed=needed,
        opened=opened,
        toOpen=[str(pk) for pk in to_open[: max(needed - opened, len(unread))]],
    )


def _item(batch: Batch, one: Named, member: Member | None) -> BatchItem:
    item = BatchItem(batch=batch, review_id=one.id, version=one.version)
    if member is None:
        item.outcome, item.code, item.text = ItemOutcome.SKIPPED, "not_in_group", "It is not in the group any more."
    elif member.left_out:
        item.outcome, item.code, item.text = ItemOutcome.SKIPPED, "left_out", member.left_out
    return item


def _batch(kind: BatchKind, reviewer: Reviewer, *, reason: str, note: str, now: datetime) -> Batch:
    principal = reviewer.principal
    assert principal.member is not None  # `deciders.check` let nobody else pass
    return Batch(
        account=principal.account,
        member=principal.member,
        key=principal.key,
        door=reviewer.door,
        kind=kind,
        reason=reason,
        note=note,
        second_step_at=reviewer.second_step_at,
        created_at=now,
    )


def _begin(batch: Batch, items: Sequence[BatchItem], *, now: datetime) -> Batch:
    with transaction.atomic():
        batch.items_count = len(items)
        batch.save(force_insert=True)
        BatchItem.objects.bulk_create(items, batch_size=1000)
        _record(batch, "review.batch_started", now=now, act=batch.kind, count=len(items))
        wakeup.ring(RUN_BATCHES)
    return batch


def _record(batch: Batch, kind: str, *, now: datetime, **facts: object) -> None:
    data = {"batch_id": str(batch.pk), "by": f"member:{batch.member_id}", **facts}
    events.record(batch.account_id, kind, subject=str(batch.pk), data=data, now=now)
