"""What became of a copy after the next hop took it: bounced, delivered, complained about (RFC 3464, RFC 5965).

Believed only with a token that we made for that copy, and only about that copy (I30, A29, A30). A recipient's state
moves one way: unknown → sent → delivered → bounced → complained. What comes late or twice changes nothing.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import structlog
from django.db import transaction

from mailboxes import events, quotas
from mailboxes.models import CountKind
from messaging import lifecycle, return_paths
from messaging.mime import addresses, return_path
from messaging.mime.refusals import AddressRefused
from messaging.mime.types import Report, ReportKind
from messaging.models import Message, Recipient, RecipientState, SuppressionReason
from messaging.recipients import suppressions

log = structlog.get_logger(__name__)

# In the order of gravity: the later one stays.
ORDER = (
    RecipientState.UNKNOWN,
    RecipientState.SENT,
    RecipientState.DELIVERED,
    RecipientState.BOUNCED,
    RecipientState.COMPLAINED,
)
EVIDENCE = {
    ReportKind.DELAY: RecipientState.SENT,  # the next hop has it: that much is known then
    ReportKind.DELIVERED: RecipientState.DELIVERED,
    ReportKind.BOUNCE: RecipientState.BOUNCED,
    ReportKind.COMPLAINT: RecipientState.COMPLAINED,
}
EVENTS = {
    RecipientState.DELIVERED: "message.delivered",
    RecipientState.BOUNCED: "message.bounced",
    RecipientState.COMPLAINED: "message.complaint",
}
COUNTED = {
    RecipientState.BOUNCED: CountKind.DAILY_BOUNCES,
    RecipientState.COMPLAINED: CountKind.DAILY_COMPLAINTS,
}
# Permanent for this mail, but not for the mailbox: full, too large, refused for what it said (RFC 3463).
ABOUT_THE_MAIL = ("5.2.2", "5.2.3", "5.3.4", "5.6.", "5.7.")
MAX_TEXT = 1000


class TooEarly(Exception):
    """The attempt that this report is about has no recorded outcome yet: come again."""


def apply(report: Report, *, now: datetime) -> None:
    """Do what a report says, when its token proves that it is about one copy of ours; otherwise nothing.

    Recipient state, suppression and event are one transaction. Raises TooEarly.
    """
    recipient_id = recipient_of(report, now=now)
    if recipient_id is None:
        return
    with transaction.atomic():
        recipient = (
            Recipient.objects.select_for_update(no_key=True, of=("self",))
            .select_related("message__account")
            .filter(pk=recipient_id)
            .first()
        )
        if recipient is None or not _is_about(report, recipient):
            log.warning("feedback.not_believed", kind=report.kind.value, recipient=str(recipient_id))
            return
        if recipient.state == RecipientState.SENDING:
            raise TooEarly
        _take(report, recipient, now=now)


def recipient_of(report: Report, *, now: datetime) -> UUID | None:
    """The id of the recipient whose copy the report's token names; None without a token that we made."""
    if report.token is None:
        return None
    return return_paths.recipient_behind(return_path.PREFIX + report.token, now=now)


def _is_about(report: Report, recipient: Recipient) -> bool:
    """Whether the report names the token's recipient and nobody else. A complaint may leave the name out (RFC 5965)."""
    if report.kind == ReportKind.BOUNCE and not report.status.startswith(("4.", "5.")):
        return False  # prose, or a report that does not say what happened
    if not report.recipients:
        return report.kind == ReportKind.COMPLAINT
    return len(report.recipients) == 1 and _canonical(report.recipients[0]) == recipient.address


def _canonical(address: str) -> str | None:
    try:
        return addresses.canonical(address)
    except AddressRefused:
        return None


def _take(report: Report, recipient: Recipient, *, now: datetime) -> None:
    evidence = EVIDENCE[report.kind]
    if recipient.state not in ORDER:
        log.warning("feedback.out_of_place", kind=report.kind.value, state=recipient.state, recipient=str(recipient.pk))
        return
    is_news = ORDER.index(evidence) > ORDER.index(RecipientState(recipient.state))
    if not is_news:
        return
    code, text = report.status or report.kind.value, report.diagnostic[:MAX_TEXT]
    Recipient.objects.filter(pk=recipient.pk).update(state=evidence, next_at=None, code=code, text=text)
    # The message before the suppression: that one records an event, and the event counter is the last lock of all.
    Message.objects.select_for_update(no_key=True).only("pk").get(pk=recipient.message_id)
    _count(recipient, evidence)
    if reason := _suppression_reason(report):
        suppressions.add(recipient.message.account, recipient.address, reason=reason, text=text, now=now)
    lifecycle.fold([recipient.message_id], now=now)
    if evidence in EVENTS:
        _record(recipient, EVENTS[evidence], code=code, now=now)


def _count(recipient: Recipient, evidence: RecipientState) -> None:
    """Count the copy by the day of its sending, under its gravest end: a complaint shows that it arrived after all.

    By these numbers the sender is judged (`mailboxes.reputation`).
    """
    message = recipient.message
    if evidence in COUNTED:
        quotas.count(message.account, COUNTED[evidence], 1, now=message.created_at)
    if recipient.state in COUNTED:
        counter = quotas.Counter(COUNTED[RecipientState(recipient.state)], message.account_id)
        quotas.give_back(counter, 1, taken_at=message.created_at)


def _suppression_reason(report: Report) -> SuppressionReason | None:
    if report.kind == ReportKind.COMPLAINT:
        return SuppressionReason.COMPLAINT
    is_hard = report.status.startswith("5.") and not report.status.startswith(ABOUT_THE_MAIL)
    return SuppressionReason.BOUNCE if report.kind == ReportKind.BOUNCE and is_hard else None


def _record(recipient: Recipient, kind: str, *, code: str, now: datetime) -> None:
    message = recipient.message
    data = {
        "message_id": str(message.pk),
        "mailbox_id": str(message.mailbox_id),
        "recipient_id": str(recipient.pk),
        "code": code,
    }
    events.record(message.account_id, kind, subject=str(message.pk), data=data, now=now, mailbox_id=message.mailbox_id)
