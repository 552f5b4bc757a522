"""Questions to the operator: kept as rows, whatever becomes of the mail about them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction

from . import events
from .errors import LimitReached
from .models import SupportTicket
from .principals import Principal

DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Question:
    """What somebody asks. `category` is one of `SupportCategory`."""

    category: str
    subject: str
    message: str


def ask(actor: Principal, question: Question, *, now: datetime) -> SupportTicket:
    """Keep the question and let the operator know. Raises LimitReached after so many within a day.

    The event holds no word of it: oversight hears the event and writes the mail.
    """
    _check_limit(actor, now=now)
    with transaction.atomic():
        ticket = SupportTicket.objects.create(
            account=actor.account,
            category=question.category,
            subject=question.subject,
            message=question.message,
            asked_by=actor.identity,
            created_at=now,
        )
        data = {"ticket_id": str(ticket.pk), "category": question.category, "by": actor.identity}
        events.record(actor.account, "support.requested", subject=str(ticket.pk), data=data, now=now)
    return ticket


def close(ticket: SupportTicket, *, by: str, now: datetime) -> bool:
    """Mark a question as answered; False if it was already. The answer itself goes by the operator's own mail."""
    with transaction.atomic():
        if not SupportTicket.objects.filter(pk=ticket.pk, closed_at__isnull=True).update(closed_at=now):
            return False
        data = {"ticket_id": str(ticket.pk), "by": by}
        events.record(ticket.account_id, "support.closed", subject=str(ticket.pk), data=data, now=now)
    return True


def _check_limit(actor: Principal, *, now: datetime) -> None:
    # Two at once may both be the last one: a ticket too many harms nobody.
    amount = settings.SUPPORT_TICKETS_PER_DAY
    today = SupportTicket.objects.filter(account=actor.account, created_at__gt=now - DAY).order_by("-created_at")
    recent = list(today.values_list("created_at", flat=True)[:amount])
    if amount and len(recent) == amount:
        wait = int((recent[-1] + DAY - now).total_seconds()) + 1
        raise LimitReached(
            f"This account has asked {amount} times within a day.",
            code="too_many_tickets",
            fix=f"Wait {wait} seconds, or put all that is open into one message.",
            headers={"Retry-After": str(wait)},
        )
