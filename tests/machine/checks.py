"""What is asked of the database after each step: does it say what the model says, and is every promise in SQL kept?"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import connection

from config.invariants import INVARIANTS

from .model import Copy, Message

# What no act of the machine can touch is asked once, in the end: whose it is, what arrived, which keys there are.
UNTOUCHED = ("I09", "I23", "I24", "I25", "I26", "I27", "I28", "I31", "I39")
PROMISES = " UNION ALL ".join(
    f"SELECT '{one.id} ' || told FROM ({one.query}) AS broken(told)"  # noqa: S608 - constants of ours
    for one in INVARIANTS
    if one.query and not one.id.startswith(UNTOUCHED)
)
# Functions, because the plan of a function outlives everything else; to plan these anew takes longer than to ask them.
FUNCTIONS = f"""
CREATE FUNCTION warp.broken_promises() RETURNS SETOF text LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan
    AS $$ BEGIN RETURN QUERY {PROMISES}; END $$;
CREATE FUNCTION warp.states(uuid) RETURNS TABLE (
    message uuid, status text, holds_quota boolean, review text, version integer, address text, state text,
    next_at timestamptz, attempts integer) LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan
    AS $$ BEGIN RETURN QUERY
        SELECT m.id, m.status::text, m.quota_taken_at IS NOT NULL, w.state::text, w.version, r.address::text,
            r.state::text, r.next_at, r.attempts_count
        FROM messaging_message m
        JOIN messaging_recipient r ON r.message_id = m.id
        LEFT JOIN oversight_review w ON w.message_id = m.id
        WHERE m.account_id = $1;
    END $$;
"""  # noqa: S608 - ours


def broken_promises() -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM warp.broken_promises()")
        return [told for (told,) in cursor.fetchall()]


@dataclass(frozen=True)
class State:
    """All that is compared of one copy and its message."""

    message: str
    holds_quota: bool
    review: tuple[str, int] | None
    copy: str
    attempts: int
    next_at: datetime | tuple[datetime, datetime] | None


def promised(message: Message, copy: Copy) -> State:
    review = (message.review.state, message.review.version) if message.review else None
    return State(message.status, bool(message.taken_at), review, copy.state, len(copy.attempts), copy.next_at)


def found(account: UUID) -> dict[tuple[UUID, str], State]:
    """The state of every copy of the account, by message and address."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM warp.states(%s)", [account])
        return {
            (pk, address): State(status, taken, (review, version) if review else None, state, attempts, next_at)
            for pk, status, taken, review, version, address, state, next_at, attempts in cursor.fetchall()
        }
