"""Words of the platform to people, by mail: verification today."""

from __future__ import annotations

import json

from django.conf import settings
from django.dispatch import receiver
from django.template.loader import render_to_string

from mailboxes import accounts
from mailboxes.models import Event, User
from mailboxes.signals import event_recorded

from .submission import PlatformMail, submit_platform


@receiver(event_recorded)
def on_event_recorded(*, event: Event, **_: object) -> None:
    if event.kind == "account.verification_requested":
        send_verification(event)


def send_verification(event: Event) -> None:
    """Mail the verification link. The event names the user; token and link exist only in the mail."""
    user = User.objects.get(pk=json.loads(event.data)["user_id"])
    context = {
        "address": user.email,
        "url": f"{settings.PUBLIC_URL}/verify/{accounts.verification_token(user)}/",
        "days": accounts.VERIFICATION_SECONDS // 86400,
    }
    mail = PlatformMail(
        to=user.email,
        subject="Please confirm your address",
        body_text=render_to_string("emails/verification.txt", context),
        body_html=render_to_string("emails/verification.html", context),
    )
    submit_platform(mail, now=event.created_at)
