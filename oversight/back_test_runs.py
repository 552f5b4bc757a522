"""Making back-tests: page by page, by whichever worker is free; what a dead one left, the next one goes on with."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta

import structlog
from django.conf import settings
from django.db import DatabaseError, transaction
from django.db.models import F, Q

from mailboxes import clock, events
from messaging import shutdown, wakeup
from messaging.models import Message

from . import backtest, rule_sets
from .backtest import RUN_BACK_TESTS, TOLD, Change
from .models import BackTest, RuleSetVersion
from .policy.types import Outcome

log = structlog.get_logger(__name__)

# A call ends in reasonable time whatever there is to do, and rings for a successor: sweeps stand in the same line.
BUSY_FOR = 5.0
AT_ONCE = 50  # messages with their bodies in memory, judged between two words to whoever waits for it
LEASE = timedelta(minutes=2)  # several times what a page takes
MOST_TRIES = 5
BROKEN = "Something broke on our side."


def run_due(*, busy_for: float = BUSY_FOR) -> int:
    """Judge what back-tests wait for, who waits longest first; how many messages. Workers share them out by lease."""
    judged, until = 0, time.monotonic() + busy_for
    while (held := _take(now=clock.now())) is not None:
        judged += _work(held, until=until)
        if shutdown.is_asked() or time.monotonic() > until:
            wakeup.ring(RUN_BACK_TESTS)
            break
    return judged


def _take(*, now: datetime) -> BackTest | None:
    """Hold one that nobody holds. Of those that took it and got no further, the last gives it up."""
    free = BackTest.objects.filter(Q(leased_until=None) | Q(leased_until__lte=now), finished_at=None)
    with transaction.atomic():
        locked = free.select_for_update(skip_locked=True, of=("self",)).select_related("rule_set")
        found = locked.order_by(F("leased_until").asc(nulls_first=True), "asked_at").first()
        if found is None:
            return None
        found.leased_until, found.tries = now + LEASE, found.tries + 1
        if found.tries > MOST_TRIES:
            found.finished_at, found.failure = now, BROKEN
        found.save(update_fields=["leased_until", "tries", "finished_at", "failure"])
    return found


def _work(held: BackTest, *, until: float) -> int:
    """Judge pages until it is through, or time is up, or somebody else holds it; how many messages."""
    judged, sides = 0, None
    while held.finished_at is None:
        try:
            sides, page = sides or _versions(held), _next_page(held)
            found = list(backtest.compare(page, *sides)) if page else []
        except DatabaseError:
            raise  # it waits for a better day: the lease ends
        except Exception:  # a defect of ours: its row keeps it, and the next one goes on
            log.exception("back_test.failed", back_test=str(held.pk))
            found, page, held.failure = [], [], BROKEN
        is_over = time.monotonic() > until or shutdown.is_asked()
        if not _keep(held, page, found, is_let_go=is_over):
            break
        judged += len(page)
        if is_over:
            break
    return judged


def _next_page(held: BackTest) -> list[Message]:
    most = min(AT_ONCE, settings.BACKTEST_MESSAGES - held.looked_at)
    left = backtest.mail_of(held)
    if held.seen_at is not None:
        left = left.filter(Q(created_at=held.seen_at, pk__lt=held.seen_id) | Q(created_at__lt=held.seen_at))
        left = left.filter(created_at__lte=held.seen_at)  # what the index is walked by
    return list(left.select_related("mailbox__account")[: max(most, 0)])


def _versions(held: BackTest) -> tuple[backtest.InForce, backtest.InForce]:
    version = RuleSetVersion.objects.select_related("rule_set").get(rule_set=held.rule_set, number=held.number)
    live = rule_sets.of_versions(held.in_force)
    return live, {**live, held.rule_set.mailbox_id: rule_sets.parsed(version)}


def _keep(held: BackTest, page: Sequence[Message], found: Sequence[Change], *, is_let_go: bool) -> bool:
    """Write down a page, if it is still ours: of two who judged the same one, one counts."""
    now, lease = clock.now(), held.leased_until
    moves = Counter({(before, after): count for before, after, count in held.moves})
    moves.update((one.before.outcome.value, one.after.outcome.value) for one in found)
    held.moves = sorted([*pair, count] for pair, count in moves.items())
    held.changes = (held.changes + [one.as_json() for one in found])[:TOLD]
    held.looked_at, held.changed = held.looked_at + len(page), moves.total()
    held.rejected += sum(one.was_rejected and one.after.outcome == Outcome.ALLOW for one in found)
    if page:
        held.seen_at, held.seen_id = page[-1].created_at, page[-1].pk
    held.tries, held.leased_until = 0, now if is_let_go else now + LEASE
    is_through = len(page) < AT_ONCE or held.looked_at >= settings.BACKTEST_MESSAGES
    held.finished_at = now if is_through else None
    with transaction.atomic():
        fields = ("moves", "changes", "looked_at", "changed", "rejected", "seen_at", "seen_id", "tries", "failure")
        kept = {name: getattr(held, name) for name in (*fields, "leased_until", "finished_at")}
        is_ours = BackTest.objects.filter(pk=held.pk, leased_until=lease, finished_at=None).update(**kept)
        if is_ours and held.finished_at and not held.failure:
            _record(held, now=now)
    return bool(is_ours)


def _record(made: BackTest, *, now: datetime) -> None:
    rule_set = made.rule_set
    data = {
        "rule_set_id": str(rule_set.pk),
        "version": made.number,
        "looked_at": made.looked_at,
        "changed": made.changed,
        "by": made.by,
    }
    subject = str(rule_set.pk)
    events.record(
        rule_set.account_id, "policy.back_tested", subject=subject, data=data, now=now, mailbox_id=rule_set.mailbox_id
    )
