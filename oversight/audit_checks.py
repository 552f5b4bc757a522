"""A member asks whether the account's log is what was written; a worker is woken to look."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from mailboxes.audit import checks
from mailboxes.models import Member
from messaging import wakeup

CHECK_AUDITS = "oversight.check_audits"


def ask(member: Member, *, now: datetime) -> bool:
    """As `checks.ask`; the look begins at once where a worker is free."""
    with transaction.atomic():
        is_new = checks.ask(member, now=now)
        wakeup.ring(CHECK_AUDITS)
    return is_new
