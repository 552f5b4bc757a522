"""Mail over the month's limit: kept and announced on its way in, read by nobody, and unlocked where it is.

It is unlocked when its month is over, and before that as far as a raised limit goes, oldest first. It counts in the
month of its arrival only, and is announced a second time by `message.unlocked`, never by `message.received`.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet
from django.dispatch import receiver

from mailboxes import events, inbound_usage, quotas, statements
from mailboxes.events import Happening
from mailboxes.inbound_usage import Arrival
from mailboxes.models import Account, Event, LimitKind, Mailbox
from mailboxes.signals import event_recorded
from messaging import shutdown, threads, wakeup
from messaging.models import Message

log = structlog.get_logger(__name__)

BATCH = 200
# A sweep ends in reasonable time whatever is due, so that a worker can be stopped, and other work has its turn.
BUSY_FOR = 10.0

# Whoever unlocks for an account waits for whoever else does: two at once would each fill the room that there is.
TURN = "SELECT pg_advisory_xact_lock(hashtextextended('unlock ' || %(account)s::uuid, 0))"

# By the counters alone, except for the end of a month: what `unlock` then finds is exact, this is only where to look.
DUE_ACCOUNTS = """
SELECT waiting.account_id FROM (
    SELECT one.account_id, sum(one.used) AS withheld FROM mailboxes_usage AS one
    JOIN mailboxes_mailbox AS box ON box.id = one.subject_id
    WHERE one.kind = 'over_limit'
    GROUP BY one.account_id HAVING sum(one.used) FILTER (WHERE box.deleted_at IS NULL) > 0
) AS waiting
LEFT JOIN mailboxes_usage AS counted ON counted.subject_id = waiting.account_id
    AND counted.kind = 'monthly_inbound' AND counted.period_start = %(month)s
LEFT JOIN mailboxes_limit AS own ON own.account_id = waiting.account_id AND own.kind = 'monthly_inbound'
WHERE coalesce(own.amount, %(default)s) = 0
    OR waiting.withheld > greatest(coalesce(counted.used, 0) - coalesce(own.amount, %(default)s), 0)
    OR EXISTS (
        SELECT FROM messaging_message AS m
        WHERE m.account_id = waiting.account_id AND m.withheld_at IS NOT NULL AND m.received_at < %(month)s
            AND m.mailbox_id <> ALL (ARRAY(
                SELECT id FROM mailboxes_mailbox
                WHERE account_id = waiting.account_id AND deleted_at IS NOT NULL)))
ORDER BY waiting.account_id
"""


def count(messages: Sequence[Message], *, now: datetime) -> list[Message]:
    """Count messages of one account as received, in the caller's transaction; those of them that are to be withheld."""
    account, in_order = messages[0].account, sorted(messages, key=_arrived_at)
    arrivals = [Arrival(message.mailbox_id, _arrived_at(message)) for message in in_order]
    is_over = inbound_usage.count(account, arrivals, now=now)
    withheld = [message for message, is_withheld in zip(in_order, is_over, strict=True) if is_withheld]
    if withheld:
        inbound_usage.count_withheld(account, [message.mailbox_id for message in withheld], now=now)
    return withheld


def received(message: Message) -> Happening:
    """What is told of a message when it comes. Of a withheld one no reader of the log may show more than a stub."""
    if message.withheld_at is None:
        return _happening("message.received", message)
    data = {"message_id": str(message.pk), "mailbox_id": str(message.mailbox_id), "over_limit": True}
    return Happening("message.received", str(message.pk), data, message.mailbox_id)


def unlock(account: Account, *, now: datetime) -> int:
    """Unlock what of the account's withheld mail may be read at `now`; how many messages that were.

    All that arrived in earlier months, and of this month's the oldest that have room within the limit as it is now. In
    batches, each committed: after a crash, or beside others who do the same, it goes on where they are. Call it outside
    of a transaction.
    """
    unlocked_count = 0
    while not shutdown.is_asked() and (batch := _unlock_batch(account, now=now)):
        unlocked_count += batch
    return unlocked_count


def unlock_due(*, now: datetime, busy_for: float = BUSY_FOR) -> int:
    """Unlock for every account whose month is over or whose limit was raised; how many messages that were."""
    until = time.monotonic() + busy_for
    unlocked_count = 0
    for account in _due_accounts(now=now):
        if shutdown.is_asked():
            break
        if time.monotonic() > until:
            wakeup.ring(wakeup.UNLOCK_WITHHELD)
            break
        try:
            unlocked_count += unlock(account, now=now)
        except Exception:  # a defect in one account's mail keeps no other account's from being unlocked
            log.exception("withholding.unlock_failed", account=str(account.pk))
    return unlocked_count


@receiver(event_recorded)
def on_limit_changed(*, event: Event, **_: object) -> None:
    if event.kind == "limit.changed":
        wakeup.ring(wakeup.UNLOCK_WITHHELD)


def _unlock_batch(account: Account, *, now: datetime) -> int:
    with transaction.atomic():
        statements.run(TURN, {"account": account.pk})
        messages = _due(account, now=now)
        if not messages:
            return 0
        Message.objects.filter(pk__in=[message.pk for message in messages]).update(withheld_at=None, unlocked_at=now)
        inbound_usage.count_unlocked([message.mailbox_id for message in messages], now=now)
        threads.show(messages)
        events.record_all(account.pk, [_happening("message.unlocked", message) for message in messages], now=now)
    return len(messages)


def _due(account: Account, *, now: datetime) -> list[Message]:
    """At most a batch of what may be unlocked now, oldest first. A deleted mailbox's mail stays as it is."""
    month = quotas.period_start(LimitKind.MONTHLY_INBOUND, now)
    withheld = Message.objects.filter(account=account, withheld_at__isnull=False)
    # Excluded, not joined: along the mailboxes PostgreSQL would read all that is withheld and sort it, each time.
    deleted = Mailbox.objects.filter(account=account, deleted_at__isnull=False)
    alive = withheld.exclude(mailbox__in=deleted).order_by("received_at", "id")
    slim = alive.defer("body_text", "body_html", "headers", "sender_checks")
    if past := list(slim.filter(received_at__lt=month)[:BATCH]):
        return past
    of_this_month = withheld.filter(received_at__gte=month)
    return list(slim.filter(received_at__gte=month)[: min(_room(account, of_this_month, now=now), BATCH)])


def _room(account: Account, withheld: QuerySet[Message], *, now: datetime) -> int:
    """How many of this month's withheld messages the limit has room for."""
    withheld_count = withheld.count()
    # Counted before: who files between the two takes room, and is not taken for room.
    usage = inbound_usage.find(account, now=now)
    over = max(usage.current - usage.limit, 0) if usage.limit else 0
    return max(withheld_count - over, 0)


def _due_accounts(*, now: datetime) -> list[Account]:
    month = quotas.period_start(LimitKind.MONTHLY_INBOUND, now)
    default = settings.DEFAULT_LIMITS[LimitKind.MONTHLY_INBOUND.value]
    found: list[UUID] = [pk for (pk,) in statements.run(DUE_ACCOUNTS, {"month": month, "default": default})]
    return sorted(Account.objects.filter(pk__in=found), key=lambda account: account.pk)


def _happening(kind: str, message: Message) -> Happening:
    ids = {"message_id": str(message.pk), "mailbox_id": str(message.mailbox_id), "thread_id": str(message.thread_id)}
    return Happening(kind, str(message.pk), ids, message.mailbox_id)


def _arrived_at(message: Message) -> datetime:
    assert message.received_at is not None
    return message.received_at
