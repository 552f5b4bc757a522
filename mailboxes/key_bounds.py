"""How far a key reaches. Nobody makes, rotates or frees a key that reaches further than the one in their hand. Pure.

A session of a person is no key: it has no bound but its account.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings

from . import networks
from .errors import Forbidden, Invalid


@dataclass(frozen=True, slots=True)
class Terms:
    """Until when and from where a key is good. None: without an end; empty: from everywhere. Networks are canonical."""

    expires_at: datetime | None = None
    ip_allowlist: tuple[str, ...] = ()

    def cover(self, other: Terms) -> bool:
        """Whether the other ends no later, and is good from no address from which this one is not."""
        is_in_time = self.expires_at is None or (other.expires_at is not None and other.expires_at <= self.expires_at)
        if not self.ip_allowlist:
            return is_in_time
        return is_in_time and bool(other.ip_allowlist) and networks.cover(self.ip_allowlist, other.ip_allowlist)


FREE = Terms()


@dataclass(frozen=True, slots=True)
class Bounds:
    """All that a key may: its scopes, its mailboxes (None: all of the account), its terms, test data alone or both."""

    scopes: frozenset[str]
    mailbox_ids: frozenset[UUID] | None = None
    terms: Terms = FREE
    is_test: bool = False

    def cover(self, other: Bounds) -> bool:
        """Whether the other may nothing that this one may not, at no time and from no place."""
        sees_all = self.mailbox_ids is None
        sees_less = sees_all or (
            other.mailbox_ids is not None and other.mailbox_ids <= (self.mailbox_ids or frozenset())
        )
        is_there = not self.is_test or other.is_test
        return other.scopes <= self.scopes and sees_less and is_there and self.terms.cover(other.terms)


def check_covers(own: Bounds | None, asked: Bounds) -> None:
    """Refuse what reaches further than the caller's own key; None is a session, which has none."""
    if own is not None and not own.cover(asked):
        raise Forbidden(
            "A key can't make or free a key that reaches further than itself.",
            code="stronger_key",
            fix="Ask for no later end and no other addresses than your own key has, or sign in and do it as a person.",
        )


def check_end(expires_at: datetime | None, *, now: datetime) -> None:
    """Refuse an end that is over, or further away than KEY_MAX_DAYS."""
    longest = timedelta(days=settings.KEY_MAX_DAYS)
    if expires_at is not None and not now < expires_at <= now + longest:
        raise Invalid(
            f"A key ends within {settings.KEY_MAX_DAYS} days, and not before it begins.",
            code="invalid_field",
            fix="Send a moment to come, or leave expiresAt out.",
            field="expiresAt",
        )
