"""Django's way of sending mail, led to the one door out: what Django and its apps write passes the outbox too."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.core.mail.backends.base import BaseEmailBackend
from django.core.mail.message import EmailMessage
from django.db import transaction
from django.utils.html import strip_tags

from mailboxes import clock
from mailboxes.errors import Invalid, Problem
from messaging.mime import addresses
from messaging.mime.refusals import AddressRefused

from .submission import PlatformMail, submit_platform


class OutboxBackend(BaseEmailBackend):
    """EMAIL_BACKEND. Each recipient gets a message of the platform's own, from its address, whatever was asked.

    An attachment is refused: the platform's own mail has none.
    """

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        """Hand every message to the outbox; how many were accepted. All recipients of one message, or none."""
        return sum(self._submit(message) for message in email_messages if message.recipients())

    def _submit(self, message: EmailMessage) -> bool:
        try:
            mails = [_platform_mail(message, to=recipient) for recipient in message.recipients()]
            with transaction.atomic():
                for mail in mails:
                    submit_platform(mail, now=clock.now())
        except (Problem, AddressRefused):
            if not self.fail_silently:
                raise
            return False
        return True


def _platform_mail(message: EmailMessage, *, to: str) -> PlatformMail:
    if message.attachments:
        raise Invalid("The platform's own mail has no attachments.", code="attachments", fix="Send a link instead.")
    is_html = message.content_subtype == "html"
    return PlatformMail(
        to=addresses.canonical(to),
        subject=str(message.subject),
        body_text=strip_tags(str(message.body)) if is_html else str(message.body),
        body_html=str(message.body) if is_html else _html_alternative(message),
    )


def _html_alternative(message: Any) -> str | None:
    alternatives = getattr(message, "alternatives", None) or ()
    return next((str(content) for content, kind in alternatives if kind == "text/html"), None)
