"""Which events a listener wants, and which it may have."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from uuid import UUID

from mailboxes.errors import Invalid
from mailboxes.models import Scope
from mailboxes.principals import Principal
from messaging.models import EVERYTHING

from . import catalog
from .rendering import Told


@dataclass(frozen=True, slots=True)
class Filter:
    """None is all. With mailboxes only events of these pass, with tags only those about a message with one of them."""

    kinds: frozenset[str] | None = None
    mailbox_ids: frozenset[UUID] | None = None
    tags: frozenset[str] | None = None

    def takes(self, told: Told) -> bool:
        """Whether the listener is told this."""
        return (
            (self.kinds is None or told.kind in self.kinds)
            and (self.mailbox_ids is None or told.mailbox_id in self.mailbox_ids)
            and (self.tags is None or not self.tags.isdisjoint(told.tags))
        )


def of(
    principal: Principal, *, events: str = "", mailbox_id: str = "", tags: str = "", field: str = "events"
) -> Filter:
    """What a query asks for, within what the principal may see.

    `events` and `tags` are names with commas between them; `field` is what the caller calls `events`. Raises Invalid
    for an unknown name, NotFound for a mailbox out of scope, Forbidden for who may not read.
    """
    principal.require(Scope.READ)
    mailbox_ids = principal.mailbox_ids
    if mailbox_id:
        mailbox_ids = frozenset({principal.get_mailbox(mailbox_id).pk})
    return Filter(kinds(_names(events), field=field), mailbox_ids, frozenset(_names(tags)) or None)


def kinds(names: Iterable[str], *, field: str = "events") -> frozenset[str] | None:
    """The kinds of these names: the contract's five of none, None (all) of `*`. Raises Invalid for an unknown one."""
    asked = frozenset(names)
    for name in sorted(asked - catalog.KINDS.keys() - {EVERYTHING}):
        near = get_close_matches(name, catalog.KINDS, n=1, cutoff=0.5)
        raise Invalid(
            f"There is no event '{name[:80]}'.",
            code="unknown_event",
            fix=f"Did you mean '{near[0]}'?" if near else "The documentation lists them at /docs/events; * is all.",
            field=field,
        )
    if EVERYTHING in asked:
        return None
    return asked or frozenset(catalog.CONTRACT)


def _names(text: str) -> list[str]:
    return [name for part in text.split(",") if (name := part.strip())]
