"""Where a bounce of one recipient's copy comes back to, and whose it is."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings

from messaging.mime import return_path

# Complaints come late; a token older than this proves nothing any more.
VALID_FOR = timedelta(days=60)


def return_path_of(recipient_id: UUID, *, domain: str, now: datetime) -> str:
    """The envelope sender for one recipient, `b+<token>@domain`."""
    token = return_path.make_token(_secret(), recipient_id, expires=(now + VALID_FOR).date())
    return f"{return_path.PREFIX}{token}@{domain}"


def recipient_behind(address: str, *, now: datetime) -> UUID | None:
    """The recipient whose return path the address is; None for what we did not make or what has expired."""
    return return_path.read_token(_secret(), address.partition("@")[0], today=now.date())


def _secret() -> bytes:
    return settings.SECRET_KEY.encode()
