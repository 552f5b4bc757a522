"""People of an account ask whether its log is what was written: a worker walks it, and the answer is kept.

Not within their request: a log may be long, and the signed heads stand where the worker runs.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db.models import F, Q

from mailboxes import clock
from mailboxes.models import Account, AuditCheck, Member
from mailboxes.principals import of_manager

from . import heads, verification

TEXT_LENGTH = 300
# A log of millions takes a while, and is walked by one worker; what a dead one began, another takes up then.
TAKEN_UP_AFTER = timedelta(minutes=10)


def ask(member: Member, *, now: datetime) -> bool:
    """Note that somebody wants to know; False while a look is under way already. For owners and admins."""
    actor = of_manager(member)
    asked = {"asked_at": now, "asked_by": actor.identity}
    _, is_first = AuditCheck.objects.get_or_create(account=member.account, defaults=asked)
    if is_first:
        return True
    done = AuditCheck.objects.filter(account=member.account, checked_at__gte=F("asked_at"))
    return bool(done.update(**asked))


def find(account: Account) -> AuditCheck | None:
    """The last look at the account's log."""
    return AuditCheck.objects.filter(account=account).first()


def run_due(*, limit: int = 20) -> int:
    """Walk the logs that people asked about, the longest waiting first; how many."""
    due = AuditCheck.objects.filter(_is_due(clock.now()), account__departed_at__isnull=True)
    return sum(_look(row) for row in due.order_by("asked_at")[:limit])


def _is_due(now: datetime) -> Q:
    is_open = Q(checked_at__isnull=True) | Q(checked_at__lt=F("asked_at"))
    is_free = Q(begun_at__isnull=True) | Q(begun_at__lt=now - TAKEN_UP_AFTER)
    return is_open & is_free


def _look(row: AuditCheck) -> bool:
    begun = clock.now()
    # The row count says who walks it: no other table in the condition, so that who waited for the row looks anew.
    if not AuditCheck.objects.filter(_is_due(begun), pk=row.pk, asked_at=row.asked_at).update(begun_at=begun):
        return False
    read: list[int] = []
    faults = list(verification.find_faults([row.account_id], on_part=read.append))
    first = min(faults, key=lambda fault: fault.seq) if faults else None
    found = {
        "begun_at": None,
        "checked_at": clock.now(),
        "events_count": sum(read),
        "fault_seq": first.seq if first else None,
        "fault_text": first.text[:TEXT_LENGTH] if first else "",
        "heads_at": heads.newest_at(),
    }
    return bool(AuditCheck.objects.filter(pk=row.pk, begun_at=begun).update(**found))
