"""Codes as an authenticator app shows them."""

from __future__ import annotations

from datetime import datetime

from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value

from mailboxes import second_factor
from mailboxes.models import User

STEP_SECONDS = 30


def code_of(secret: str, now: datetime, *, steps: int = 0) -> str:
    """What the app shows at that moment, or so many steps of 30 seconds later."""
    shown: str = format_hotp_value(hotp_value(secret, int(now.timestamp()) // STEP_SECONDS + steps))
    return shown


def wrong_code(secret: str, now: datetime) -> str:
    """A code that is none of the hour."""
    near = {code_of(secret, now, steps=step) for step in range(-120, 121)}
    return next(text for text in map("{:06d}".format, range(1000)) if text not in near)


def enrol(user: User, *, now: datetime) -> tuple[str, list[str]]:
    """A person who has switched the second step on two minutes ago: the app's secret, the recovery codes."""
    secret = second_factor.new_secret()
    codes = second_factor.enrol(user, secret=secret, code=code_of(secret, now, steps=-1), now=now)
    return secret, codes
