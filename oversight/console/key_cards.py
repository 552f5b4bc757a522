"""The keys of an account's agents, as the console shows them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Q, QuerySet

from mailboxes import member_keys
from mailboxes.models import ApiKey
from oversight.templatetags.console_tags import Look

from . import actors
from .visit import Visit

REVOKED = Look("ban", "Revoked", "is-neutral is-struck")
ENDED = Look("hourglass", "Ended", "is-neutral")
STOPPED = Look("octagon-x", "Stopped", "is-danger")
ROTATED = Look("hourglass", "Replaced, goes on for now", "is-warn")
UNUSED = Look("diamond", "Unused", "is-warn")
GOOD = Look("check", "Good", "is-ok")


@dataclass(frozen=True, slots=True)
class KeyCard:
    """A key with what people ask about it. `made_by` is empty for the first one, which came with the signup."""

    key: ApiKey
    state: Look
    made_by: str
    reach: list[str]

    @property
    def is_over(self) -> bool:
        return self.state in (REVOKED, ENDED)


def listed(visit: Visit, *, is_over: bool) -> QuerySet[ApiKey]:
    """Those that are good, oldest first, or those that are no good any more."""
    over = Q(revoked_at__isnull=False) | Q(expires_at__lte=visit.now)
    found = member_keys.of_account(visit.member.account)
    return found.filter(over) if is_over else found.exclude(over)


def cards(visit: Visit, keys: Sequence[ApiKey]) -> list[KeyCard]:
    account = visit.member.account
    makers = actors.names(account, [key.made_by for key in keys])
    return [
        KeyCard(
            key=key,
            state=state(key, now=visit.now),
            made_by=makers.get(key.made_by, ""),
            reach=[box.full_address for box in key.mailboxes.all()],
        )
        for key in keys
    ]


def state(key: ApiKey, *, now: datetime) -> Look:
    """The gravest thing that is to be said of a key."""
    if key.revoked_at is not None:
        return REVOKED
    if key.expires_at is not None and key.expires_at <= now:
        return ENDED
    stopped = key.account.stopped_subjects or ()
    if key.pk in stopped or key.agent_id in stopped:
        return STOPPED
    if key.rotated_to_id is not None:
        return ROTATED
    unused_since = now - timedelta(days=settings.KEY_UNUSED_DAYS)
    return UNUSED if (key.last_used_at or key.created_at) < unused_since else GOOD
