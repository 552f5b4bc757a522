"""Codes as an authenticator app shows them."""

from __future__ import annotations

import re
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
    second_factor.confirm(user, secret=secret, code=code_of(secret, now, steps=-1), now=now)
    return secret, second_factor.switch_on(user, secret=secret, now=now)


def secret_on(page: str) -> str:
    """The key that the set-up page shows as text."""
    found = re.search(r'class="key-text"[^>]*>([A-Z2-7]{32})<', page)
    assert found
    return found.group(1)


def sealed_on(page: str) -> str:
    """The same key on its way through the form."""
    found = re.search(r'name="secret" value="([^"]+)"', page)
    assert found
    return found.group(1)


def recovery_codes_on(page: str) -> list[str]:
    return re.findall(r"^ *(\d{4} \d{4})$", re.sub(r"<[^>]*>", "", page), flags=re.MULTILINE)
