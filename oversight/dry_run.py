"""What would become of a send: the same judgment on the same reading, and nothing written but that it was asked."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction

from mailboxes import events
from mailboxes.errors import LimitReached
from mailboxes.models import Event, Mailbox, Scope
from mailboxes.principals import Principal
from messaging.mime.types import Draft

from . import submission
from .submission import Judged

EVALUATED = "policy.evaluated"
MINUTE = timedelta(minutes=1)


def evaluate(draft: Draft, *, actor: Principal, now: datetime) -> Judged:
    """What the policy would make of the draft if it were sent now. Raises Problem where a send would.

    For who may send, and for members who decide. It promises nothing of a later send: the world moves on.
    """
    if actor.member is None:
        actor.require(Scope.SEND, fix="Use an agent's key that sends, or a member's decide key.")
    else:
        actor.require(Scope.DECIDE)
    with transaction.atomic():
        judged = submission.judge(draft, actor=actor, now=now)
        note(judged, actor=actor, now=now)
    return judged


def note(judged: Judged, *, actor: Principal, now: datetime) -> None:
    """Write down that it was asked; refuse who asks too often."""
    _check_rate(judged.sender.mailbox, now=now)
    _record(judged, actor=actor, now=now)


def _check_rate(mailbox: Mailbox, *, now: datetime) -> None:
    """Each answer says a little about where the thresholds are, and stands in the log for good."""
    most = settings.EVALUATIONS_PER_MINUTE
    asked = Event.objects.filter(subject=str(mailbox.pk), kind=EVALUATED, created_at__gt=now - MINUTE)
    recent = list(asked.order_by("-seq").values_list("created_at", flat=True)[:most])
    if most and len(recent) == most:
        wait = int((recent[-1] + MINUTE - now).total_seconds()) + 1
        raise LimitReached(
            f"The policy is asked {most} times a minute at most for one mailbox.",
            code="too_many_evaluations",
            fix=f"Wait {wait} seconds.",
            headers={"Retry-After": str(wait)},
        )


def _record(judged: Judged, *, actor: Principal, now: datetime) -> None:
    mailbox, verdict = judged.sender.mailbox, judged.verdict
    data = {
        "mailbox_id": str(mailbox.pk),
        "outcome": verdict.outcome.value,
        "code": verdict.code,
        "versions": [one.version for one in judged.sender.rules],
        "by": actor.identity,
    }
    events.record(mailbox.account_id, EVALUATED, subject=str(mailbox.pk), data=data, now=now, mailbox_id=mailbox.pk)
