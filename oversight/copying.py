"""Copies of what monitored mailboxes send: a mail of the platform's own to the account's oversight address.

Not an envelope recipient more: then the sealed recipients would hold it, its agent would read of it, and its bounce
would be the agent's. As a mail of the house it touches nothing of the message. It holds the text, and names the files;
the whole mail is at the console. A row says that it is due (`copies.want`); a sweep makes it.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

import structlog
from django.conf import settings
from django.db import transaction
from django.template.loader import render_to_string
from django.urls import reverse

from mailboxes import oversight_address
from messaging.mime import characters, html_text
from messaging.models import Message, Status

from .models import Copy
from .submission import PlatformMail, submit_platform

log = structlog.get_logger(__name__)

LET_GO = (Status.QUEUED, Status.SENDING, Status.SENT, Status.UNKNOWN, Status.FAILED)
MAY_YET_GO = (Status.ACCEPTED, Status.SCHEDULED, Status.HELD, Status.RETURNED)
TRIES = 8
FIRST_PAUSE = timedelta(minutes=1)
SUBJECT_SHOWN = 200
TEXT_SHOWN = 200_000


def send_due(*, now: datetime, limit: int = 100) -> int:
    """Send up to `limit` copies that are due; how many were sent. What fails is tried again, and costs the message
    nothing."""
    due = Copy.objects.filter(due_at__lte=now).order_by("due_at").values_list("pk", flat=True)
    return sum(_send_one(pk, now=now) for pk in list(due[:limit]))


def _send_one(pk: UUID, *, now: datetime) -> bool:
    with transaction.atomic():
        copy = (
            Copy.objects.select_for_update(skip_locked=True, of=("self",))
            .select_related("message__account", "message__mailbox")
            .filter(pk=pk, due_at__isnull=False)
            .first()
        )
        if copy is None:  # another worker's
            return False
        try:
            with transaction.atomic():
                _settle(copy, now=now)
        except Exception:  # a defect of ours, or an address that may not be written to
            log.exception("copies.failed", message=str(copy.message_id), failures=copy.failures_count + 1)
            copy.refresh_from_db()
            _put_off(copy, now=now)
        copy.save()
    return copy.outcome == "sent"


def _settle(copy: Copy, *, now: datetime) -> None:
    message = copy.message
    if message.status in MAY_YET_GO:
        copy.due_at = now + FIRST_PAUSE
        return
    copy.due_at = None
    if message.status not in LET_GO:
        copy.outcome = "nothing_left"
        return
    address = oversight_address.find(message.account)
    if address is None:
        log.warning("copies.no_address", account=str(message.account_id))
        copy.outcome = "no_address"
        return
    copy.copy = submit_platform(_mail(message, address), now=now)
    copy.outcome = "sent"


def _put_off(copy: Copy, *, now: datetime) -> None:
    copy.failures_count += 1
    is_over = copy.failures_count >= TRIES
    copy.outcome = "failed" if is_over else ""
    copy.due_at = None if is_over else now + FIRST_PAUSE * 2**copy.failures_count


def _mail(message: Message, address: str) -> PlatformMail:
    text = message.body_text or (html_text.to_text(message.body_html) if message.body_html else "")
    context = {
        "message": message,
        "mailbox": message.mailbox.full_address,
        "to": ", ".join(message.to_addresses),
        "cc": ", ".join(message.cc_addresses),
        "bcc": ", ".join(message.bcc_addresses),
        "subject": characters.one_line(message.subject),
        "text": characters.readable(text[:TEXT_SHOWN]),
        "is_cut": len(text) > TEXT_SHOWN,
        "files": [(characters.one_line(file.filename), file.size_bytes) for file in message.attachments.all()],
        "url": f"{settings.PUBLIC_URL}{reverse('console:message', args=[message.pk])}",
        "stop_url": f"{settings.PUBLIC_URL}{reverse('console:stop')}",
    }
    subject = characters.one_line(f"[{message.mailbox.full_address}] {message.subject}")[:SUBJECT_SHOWN]
    # Text only: what an agent wrote is shown as it was written, and nothing of it is a link of ours.
    return PlatformMail(address, subject, render_to_string("emails/copy.txt", context))
