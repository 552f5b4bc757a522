"""Word to an account's owners of a rung that was taken back, and of one that is suggested: each once.

A sweep of its own, after the commit: no lock of the account's is held while the house's own mail is queued.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import F, QuerySet
from django.template.loader import render_to_string
from django.urls import reverse

from mailboxes.errors import Problem
from mailboxes.models import Member, Role
from mailboxes.modes import OversightMode
from messaging.mime.refusals import Refused

from .models import Demotion, DemotionCause, Suggestion, SuggestionState
from .policy import rungs
from .submission import PlatformMail, submit_platform

AT_ONCE, MOST_NAMED = 500, 20
CAUSES = {
    DemotionCause.SEVERE_REJECT: "a person rejected mail of it for a severe reason",
    DemotionCause.COMPLAINT: "a recipient complained about its mail",
    DemotionCause.BREAKER: "too much of the account's mail bounced or was complained about",
}

log = structlog.get_logger(__name__)


def send_due(*, now: datetime) -> int:
    """Tell owners what they have not been told; how many mails."""
    untold = Demotion.objects.filter(is_done=True, told_at__isnull=True).values_list("account_id", flat=True)
    suggested = _suggested().values_list("account_id", flat=True)
    accounts = sorted({*untold.distinct()[:AT_ONCE], *suggested.distinct()[:AT_ONCE]})
    return sum(_in_peace(account_id, now=now) for account_id in accounts)


def _in_peace(account_id: UUID, *, now: datetime) -> int:
    """One account's trouble must not keep the others from hearing."""
    try:
        with transaction.atomic():
            return _tell(account_id, now=now)
    except (Problem, Refused) as error:
        log.exception("trust_notices.failed", account=str(account_id), error=str(error))
        return 0


def _tell(account_id: UUID, *, now: datetime) -> int:
    untold = Demotion.objects.filter(account_id=account_id, is_done=True, told_at__isnull=True)
    untold = untold.select_for_update(skip_locked=True, of=("self",)).select_related("mailbox")
    demotions = list(untold.order_by("caused_at")[:AT_ONCE])
    mine = _suggested().filter(account_id=account_id)
    mine = mine.select_for_update(skip_locked=True, of=("self",)).select_related("mailbox")
    suggestions = list(mine.order_by("made_at")[:AT_ONCE])
    Demotion.objects.filter(pk__in=[one.pk for one in demotions]).update(told_at=now)
    Suggestion.objects.filter(pk__in=[one.pk for one in suggestions]).update(told_at=now)
    owners = _owners(account_id) if demotions or suggestions else []
    mails = [_mail(owner, demotions, suggestions) for owner in owners]
    for mail in mails:
        submit_platform(mail, now=now)
    return len(mails)


def _suggested() -> QuerySet[Suggestion]:
    """Open, untold, and of the mode that the mailbox still has."""
    rows = Suggestion.objects.filter(state=SuggestionState.OPEN, told_at__isnull=True)
    return rows.filter(from_mode=F("mailbox__mode"))


def _owners(account_id: UUID) -> list[Member]:
    """Whose address is proven: anybody can sign up a stranger."""
    owners = Member.objects.filter(account_id=account_id, role=Role.OWNER, user__is_active=True)
    proven = owners.filter(user__email_verified_at__isnull=False)
    return list(proven.select_related("user", "account").order_by("created_at"))


def _mail(owner: Member, demotions: Sequence[Demotion], suggestions: Sequence[Suggestion]) -> PlatformMail:
    count = len(demotions) + len(suggestions)
    context = {
        "slug": owner.account.slug,
        "demotions": [_demoted(one) for one in demotions[:MOST_NAMED]],
        "suggestions": [_suggested_words(one) for one in suggestions[:MOST_NAMED]],
        "more": count - min(len(demotions), MOST_NAMED) - min(len(suggestions), MOST_NAMED),
        "url": f"{settings.PUBLIC_URL}{reverse('console:agents')}",
    }
    what = "A mailbox was set back" if demotions else "A mailbox could be trusted otherwise"
    return PlatformMail(
        to=owner.user.email,
        subject=f"{what}: {owner.account.slug}",
        body_text=render_to_string("emails/trust.txt", context),
        body_html=render_to_string("emails/trust.html", context),
    )


def _demoted(one: Demotion) -> str:
    cause = CAUSES[DemotionCause(one.cause)]
    return f"{one.mailbox.full_address} was set back to {one.to_mode}: {cause}."


def _suggested_words(one: Suggestion) -> str:
    is_up = rungs.is_freer(OversightMode(one.to_mode), OversightMode(one.from_mode))
    why = "its record is good" if is_up else "its record is bad"
    return f"{one.mailbox.full_address} could go from {one.from_mode} to {one.to_mode}: {why}."
