"""Another verification mail for whoever waits for one; API and page ask here alike."""

from __future__ import annotations

from datetime import datetime

from mailboxes import accounts
from mailboxes.models import Member

from . import client_limits
from .client_limits import ClientLimit

PER_CLIENT = ClientLimit("resend-verification", 10, 3600)
AGAIN_SECONDS = 300


def send_again(email: str, *, now: datetime) -> None:
    """Mail a new link to somebody without a password of their own, at most one in five minutes, whoever asks.

    Tells nothing: nobody learns by it who is here.
    """
    waiting = Member.objects.filter(
        user__email__iexact=email,
        user__is_active=True,
        user__password_set_at__isnull=True,
        account__test_of__isnull=True,
    )
    member = waiting.order_by("created_at").first()
    if member and client_limits.is_first("verify-again", member.user_id, seconds=AGAIN_SECONDS):
        accounts.request_verification(member, now=now)
