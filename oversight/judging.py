"""The policy's word on a message that is stored already, as the world stands now: after an edit, and at its release."""

from __future__ import annotations

from datetime import datetime

from mailboxes.models import Mailbox
from mailboxes.modes import OversightMode, stricter
from messaging.mime.types import OutgoingFile
from messaging.models import Attachment, Message
from messaging.outbound.drafts import Composed

from . import facts
from .models import Evaluation, Review
from .policy.evaluate import evaluate
from .policy.types import Facts, Outcome, Risk, Verdict


def judge(message: Message, *, mailbox: Mailbox, now: datetime) -> tuple[Facts, Verdict]:
    """The verdict on a message that waits, in the stricter of its mailbox's mode and the one that it was asked in."""
    known = _known(message, mailbox=mailbox, now=now)
    return known, evaluate(known)


def keep(message: Message, known: Facts, verdict: Verdict, *, now: datetime) -> None:
    """Keep the verdict with its trace beside those before."""
    Evaluation.objects.create(
        message=message,
        outcome=verdict.outcome.value,
        reason_code=verdict.code,
        facts=known.as_json(),
        trace=[finding.as_json() for finding in verdict.trace],
        evaluated_at=now,
    )


def is_stricter(verdict: Verdict, review: Review) -> bool:
    """Whether it asks for more than the review did: a refusal, more people, a higher risk."""
    if verdict.outcome == Outcome.ALLOW:
        return False
    is_riskier = verdict.risk.weight > Risk(review.risk).weight
    return verdict.outcome == Outcome.REFUSE or verdict.people > review.people_needed or is_riskier


def tighten(review: Review, verdict: Verdict) -> None:
    """Let the review ask for what the verdict asks, and for no less than before; the caller saves it."""
    if verdict.outcome == Outcome.ALLOW:
        return
    review.people_needed = max(review.people_needed, verdict.people)
    review.risk = max(Risk(review.risk), verdict.risk, key=lambda risk: risk.weight).value
    review.lane = verdict.lane or review.lane


def _known(message: Message, *, mailbox: Mailbox, now: datetime) -> Facts:
    mode = stricter(OversightMode(mailbox.mode), OversightMode(message.oversight_mode or mailbox.mode))
    files = tuple(
        OutgoingFile(one.pk, one.filename, one.content_type, b"", one.sha256, one.content_id)
        for one in Attachment.objects.filter(message=message)
    )
    recipients = tuple(message.recipients.all())
    composed = Composed(message, recipients, raw=b"", seal="", made_by="", files=files, is_first_of_thread=False)
    return facts.gather(composed, mailbox=mailbox, mode=mode, now=now)
