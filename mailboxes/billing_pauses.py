"""Mailboxes that the plan has no place for: paused when the limit falls, woken when it rises.

The oldest active mailboxes stay. A paused one keeps its address and its mail; its owner may choose another by pausing
one that is active, as long as no more are active than the limit allows.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django.db import transaction
from django.db.models import QuerySet

from . import events, quotas
from .errors import Forbidden
from .events import Happening
from .models import Account, LimitKind, Mailbox, MailboxStatus, Usage


def hold(account: Account) -> None:
    """Lock the account and its mailboxes until the end of the transaction; nobody makes another one meanwhile.

    Lock order: mailboxes → account → usage.
    """
    mailboxes = _living(account).select_for_update(no_key=True).order_by("pk").values_list("pk", flat=True)
    list(mailboxes)
    list(Account.objects.select_for_update(no_key=True).filter(pk=account.pk).values_list("pk"))
    _hold_place(account)
    list(mailboxes.all())  # those that were being made while we waited for their makers


def settle(account: Account, *, by: str, now: datetime) -> tuple[int, int]:
    """Pause what is over the limit of mailboxes, or wake what there is a place for; how many of each."""
    with transaction.atomic():
        hold(account)
        limit = quotas.limits_of(account)[LimitKind.MAILBOXES]
        mailboxes = list(_living(account).order_by("created_at", "pk"))
        active = [box for box in mailboxes if box.status == MailboxStatus.ACTIVE]
        asleep = [box for box in mailboxes if box.status == MailboxStatus.PAUSED and box.paused_by_billing]
        surplus = active[limit:] if limit else []
        woken = asleep[: max(limit - len(active), 0)] if limit else asleep
        _set(account, surplus, MailboxStatus.PAUSED, by=by, now=now)
        _set(account, woken, MailboxStatus.ACTIVE, by=by, now=now)
    return len(surplus), len(woken)


def check_may_wake(mailbox: Mailbox) -> None:
    """Refuse to wake the mailbox while as many are active as the plan allows. Its row is locked by the caller."""
    account = mailbox.account
    _hold_place(account)  # two that wake at once are counted one after the other
    limit = quotas.limits_of(account)[LimitKind.MAILBOXES]
    active = _living(account).filter(status=MailboxStatus.ACTIVE).count()
    if limit and active >= limit:
        raise Forbidden(
            f"The plan allows {limit} active mailboxes, and as many are active.",
            code="mailbox_limit",
            fix=f"Pause or delete another mailbox first. {quotas.UPGRADE}",
            upgrade=quotas.UPGRADE,
        )


def _living(account: Account) -> QuerySet[Mailbox]:
    return Mailbox.objects.filter(account=account, deleted_at__isnull=True)


def _hold_place(account: Account) -> None:
    """Wait for whoever makes or deletes a mailbox: both count, and keep the counter until they are committed."""
    list(Usage.objects.select_for_update().filter(subject_id=account.pk, kind=LimitKind.MAILBOXES))


def _set(account: Account, mailboxes: Sequence[Mailbox], status: MailboxStatus, *, by: str, now: datetime) -> None:
    if not mailboxes:
        return
    is_paused = status == MailboxStatus.PAUSED
    Mailbox.objects.filter(pk__in=[box.pk for box in mailboxes]).update(
        status=status, paused_by_billing=is_paused, updated_at=now
    )
    events.record_all(account, [_told(box, status, by=by) for box in mailboxes], now=now)


def _told(box: Mailbox, status: MailboxStatus, *, by: str) -> Happening:
    data = {"mailbox_id": str(box.pk), "changed": ["paused_by_billing", "status"], "status": status.value, "by": by}
    return Happening("mailbox.changed", str(box.pk), data, box.pk)
