"""The facts of a send, gathered as the acceptance gathers them."""

from __future__ import annotations

from dataclasses import fields
from datetime import datetime
from typing import Any

from django.db import transaction

from mailboxes import clock
from mailboxes.modes import OversightMode
from messaging.outbound import drafts
from messaging.outbound.drafts import Author, Composed
from oversight import facts
from oversight.policy.types import Facts
from tests import builders
from tests.builders import Tenant

EVERYTHING = frozenset(field.name for field in fields(Facts))


def composed(owner: Tenant, *, now: datetime, **asked: Any) -> Composed:
    author = Author(owner.agent_actor, OversightMode(owner.mailbox.mode))
    return drafts.compose(builders.draft(owner.mailbox, **asked), mailbox=owner.mailbox, author=author, now=now)


def facts_of(owner: Tenant, *, needs: frozenset[str] = EVERYTHING, now: datetime | None = None, **asked: Any) -> Facts:
    """What the policy would be told if the tenant's agent sent this."""
    moment = now or clock.now()
    with transaction.atomic():
        return facts.gather(
            composed(owner, now=moment, **asked),
            mailbox=owner.mailbox,
            mode=OversightMode(owner.mailbox.mode),
            needs=needs,
            now=moment,
        )
