"""Rows changed past verbs, grants and triggers, as only the owner of the database can."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.db import connection

from config.invariants import check_all
from mailboxes import clock
from messaging.models import Attempt
from messaging.outbound import outbox
from oversight import decisions
from oversight.models import Review
from tests import builders
from tests.builders import Tenant

Forgery = Callable[[Tenant], None]
GUARDED = "messaging_message", "messaging_attempt", "messaging_revision", "mailboxes_event", "oversight_decision"


def forge(*statements: str, **values: Any) -> None:
    """What nobody but the owner can do: change rows past verbs, grants and triggers."""
    with connection.cursor() as cursor:
        # A table with foreign keys still to be checked can't be altered.
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        for table in GUARDED:
            cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        for statement in statements:
            cursor.execute(statement, values)
        for table in GUARDED:
            cursor.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")


def broken_now() -> list[str]:
    """What is broken before anything was forged: nothing, if the forgery is to show something."""
    return [result.invariant.id for result in check_all() if not result.holds]


def approved(owner: Tenant) -> Review:
    review = builders.held(owner, bcc=("quiet@friends.example",))
    decisions.approve(review, reviewer=builders.reviewer(owner.owner), version=1, now=clock.now())
    review.refresh_from_db()
    return review


def attempted(owner: Tenant) -> Attempt:
    """The first attempt on an approved message."""
    message = approved(owner).message
    builders.release()
    claimed = outbox.claim_due(limit=10, now=clock.now() + timedelta(minutes=1))
    return next(one for one in claimed if one.recipient.message_id == message.pk)
