"""Erasing what was deleted: in small transactions, for as long as it takes, whoever dies in between.

Every app registers its steps, in the order in which its rows can go; upper floors go first. A step removes some rows
and says how many; the next one has its turn when nothing is left. Nothing is remembered between two batches but that
there is something to erase: whoever goes on finds what is left.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import F

from .models import Erasure

log = structlog.get_logger(__name__)

BATCH = 200
BUSY_FOR = 8.0
MOST_AT_ONCE = 100
WAITS_FOR = timedelta(seconds=5)
FIRST_PAUSE = timedelta(seconds=10)
LONGEST_PAUSE = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Scope:
    """What goes: a whole account or, with `mailbox_id`, the mail of one of its mailboxes."""

    account_id: UUID
    mailbox_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """One kind of rows, `name`d as in `Erasure.counts`. `erase` removes up to so many and says how many.

    It runs inside a transaction and may raise Waiting. Only steps `of_mailbox` are done for a mailbox alone.
    """

    name: str
    erase: Callable[[Scope, int], int]
    of_mailbox: bool = False


class Waiting(Exception):
    """Something is left that can't go yet: a worker holds it, or it is about to be cancelled."""


_floors: list[tuple[Step, ...]] = []


def register(*steps: Step) -> None:
    """Add an app's steps. Apps call it from the lowest floor to the highest; the highest goes first."""
    _floors.insert(0, steps)


def steps_of(scope: Scope) -> list[Step]:
    """What is done for this scope, in order."""
    return [step for floor in _floors for step in floor if scope.mailbox_id is None or step.of_mailbox]


def erase_due(*, now: datetime, batch: int = BATCH, busy_for: float = BUSY_FOR) -> int:
    """Go on with what is to be erased, by one batch at least, for about `busy_for` seconds; how many rows went.

    Any number of workers may do so at once: each takes what nobody else has in hand.
    """
    until = time.monotonic() + busy_for
    due = Erasure.objects.filter(finished_at__isnull=True, due_at__lte=now).order_by("due_at")
    erased = 0
    for pk in due.values_list("pk", flat=True)[:MOST_AT_ONCE]:
        while (count := _try(pk, batch=batch, now=now)) is not None:
            erased += count
            if time.monotonic() > until:
                return erased
    return erased


def _try(pk: UUID, *, batch: int, now: datetime) -> int | None:
    """Rows that went; None when there is nothing more to do now."""
    try:
        with transaction.atomic():
            return _erase_some(pk, batch=batch, now=now)
    except Waiting:
        Erasure.objects.filter(pk=pk).update(due_at=now + WAITS_FOR)
    except Exception:  # whatever it was, the others must not wait for it, and it is tried again
        log.exception("erasure.failed", erasure=str(pk))
        _put_off(pk, now=now)
    return None


def _erase_some(pk: UUID, *, batch: int, now: datetime) -> int | None:
    row = Erasure.objects.select_for_update(skip_locked=True).filter(pk=pk, finished_at__isnull=True).first()
    if row is None or row.account_id is None:
        return None
    scope = Scope(row.account_id, row.mailbox_id)
    for step in steps_of(scope):
        if count := step.erase(scope, batch):
            row.counts[step.name] = row.counts.get(step.name, 0) + count
            row.failures_count = 0
            row.save(update_fields=["counts", "failures_count"])
            return count
    _finish(row, now=now)
    return None


def _finish(row: Erasure, *, now: datetime) -> None:
    log.info("erasure.finished", erasure=str(row.pk), rows=sum(row.counts.values()))
    if row.mailbox_id is not None or settings.KEEP_AFTER_DELETION == "nothing":
        row.delete()
        return
    row.account_id, row.finished_at = None, now
    row.save(update_fields=["account_id", "finished_at"])


def _put_off(pk: UUID, *, now: datetime) -> None:
    row = Erasure.objects.filter(pk=pk).first()
    if row is not None:
        pause = min(FIRST_PAUSE * 2 ** min(row.failures_count, 12), LONGEST_PAUSE)
        Erasure.objects.filter(pk=pk).update(due_at=now + pause, failures_count=F("failures_count") + 1)
