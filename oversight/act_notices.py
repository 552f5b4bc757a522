"""Word to an account's people that a dangerous act of an agent was done, with leave or without: one mail for several.

A sweep tells it, never the transaction of the act: nobody's call waits for it, and no lock of the account's is held
while the house's own mail is queued. `Permit.told_at` says what was told.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet
from django.template.loader import render_to_string
from django.urls import reverse

from mailboxes import oversight_address
from mailboxes.errors import Problem
from messaging.mime.refusals import Refused

from .models import Permit, PermitState
from .submission import PlatformMail, submit_platform

DID = (PermitState.USED, PermitState.DONE)
AT_ONCE = 500
MOST_LISTED = 20
A_DAY = timedelta(days=1)

log = structlog.get_logger(__name__)


def send_due(*, now: datetime) -> int:
    """Tell people what was done since they were told last; how many mails. Any number of workers may do so at once."""
    accounts = _untold().order_by("account_id").values_list("account_id", flat=True).distinct()[:AT_ONCE]
    return sum(_in_peace(account_id, now=now) for account_id in list(accounts))


def _untold() -> QuerySet[Permit]:
    return Permit.objects.filter(state__in=DID, told_at__isnull=True)


def _in_peace(account_id: UUID, *, now: datetime) -> int:
    """One account's trouble must not keep the others from hearing."""
    try:
        return _tell(account_id, now=now)
    except (Problem, Refused) as error:
        log.exception("acts.notice_failed", account=str(account_id), error=str(error))
        return 0


def _tell(account_id: UUID, *, now: datetime) -> int:
    rest = timedelta(minutes=settings.ACTS_MAIL_EVERY_MINUTES)
    lately = Permit.objects.filter(account_id=account_id, asked_at__gt=now - A_DAY, told_at__gt=now - rest)
    if lately.exists():
        return 0
    with transaction.atomic():
        due = _untold().filter(account_id=account_id).select_for_update(skip_locked=True, of=("self",))
        done = list(due.select_related("account", "key__agent").order_by("ended_at", "pk")[:AT_ONCE])
        if not done:
            return 0  # another worker is at it
        Permit.objects.filter(pk__in=[one.pk for one in done]).update(told_at=now)
        address = oversight_address.find(done[0].account)
        if address is None:
            log.warning("acts.no_address", account=str(account_id))
            return 0
        submit_platform(_mail(done, address), now=now)
    return 1


def _mail(done: Sequence[Permit], address: str) -> PlatformMail:
    first, more = done[0], len(done) - 1
    context = {
        "slug": first.account.slug,
        "acts": [(one, _leave_of(one)) for one in done[:MOST_LISTED]],
        "unlisted": max(0, len(done) - MOST_LISTED),
        "waits": first.account.operator_approval,
        "permits_url": f"{settings.PUBLIC_URL}{reverse('console:permits')}",
        "stop_url": f"{settings.PUBLIC_URL}{reverse('console:stop')}",
    }
    subject = f"Done in {first.account.slug}: {first.lines[0]}"[:160] + (f" (and {more} more)" if more else "")
    # Text only: what an agent chose is shown as it is.
    return PlatformMail(address, subject, render_to_string("emails/acts.txt", context))


def _leave_of(permit: Permit) -> str:
    if permit.state == PermitState.DONE:
        return "nobody was asked"
    return "allowed in the console" if permit.ended_by.startswith("member:") else "with the code from the mail"
