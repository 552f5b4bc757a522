"""Words of the platform to people, by mail: verification, and the link to pay."""

from __future__ import annotations

import json

from django.conf import settings
from django.dispatch import receiver
from django.template.loader import render_to_string

from mailboxes import accounts, checkout_links
from mailboxes.models import Event, Member, Role, User
from mailboxes.signals import event_recorded

from .submission import PlatformMail, submit_platform


@receiver(event_recorded)
def on_event_recorded(*, event: Event, **_: object) -> None:
    if event.kind == "account.verification_requested":
        send_verification(event)
    elif event.kind == "billing.checkout_opened":
        send_checkout(event)


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


def send_checkout(event: Event) -> None:
    """Mail the page of a checkout to the account's owners, to proven addresses only: anybody can sign up a stranger."""
    asked = json.loads(event.data)
    owners = Member.objects.filter(account_id=event.account_id, role=Role.OWNER, user__is_active=True)
    proven = owners.filter(user__email_verified_at__isnull=False).order_by("created_at")
    for address, slug in proven.values_list("user__email", "account__slug"):
        context = {**asked, "slug": slug, "url": checkout_links.url(asked["checkout_id"]), "hours": 24}
        mail = PlatformMail(
            to=address,
            subject=f"Upgrade of {slug} to {asked['plan']}",
            body_text=render_to_string("emails/checkout.txt", context),
            body_html=render_to_string("emails/checkout.html", context),
        )
        submit_platform(mail, now=event.created_at)
